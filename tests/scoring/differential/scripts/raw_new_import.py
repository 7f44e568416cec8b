from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(req: AMLRequest) -> AMLResponse:
    return AMLResponse({"method": req.method, "body": req.get_data(as_text=True)}, 200, json_str=True)
