import json

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    print("This is init()")


@rawhttp
def run(request):
    if request.method == "GET":
        respBody = str.encode(request.full_path)
        return AMLResponse(respBody, 200)
    elif request.method == "POST":
        request.get_data(False)
        if "image" in request.files:
            file_bytes = request.files["image"]
            return AMLResponse(json.dumps([len(file_bytes.read()), file_bytes.filename]), 200)
        if "fail" in request.args:
            return AMLResponse("no luck", int(request.args["fail"]))
        if request.is_json:
            return {"json": request.json, "text": request.get_data(as_text=True)}
        return AMLResponse(request.get_data(False), 200)
    elif request.method == "OPTIONS":
        resp = AMLResponse("", 200)
        resp.headers["Allow"] = "OPTIONS, GET, POST"
        resp.headers["Access-Control-Allow-Methods"] = "OPTIONS, GET, POST"
        resp.headers["Access-Control-Allow-Origin"] = "http://www.example.com"
        resp.headers["Access-Control-Allow-Headers"] = "*"
        return resp
    else:
        return AMLResponse("bad request", 500)
