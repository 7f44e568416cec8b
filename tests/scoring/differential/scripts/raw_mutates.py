# A response is made first and completed afterwards.
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


def change(response, what):
    if what == "status code":
        response.status_code = 202
    elif what == "content type":
        response.content_type = "text/csv"
    elif what == "mimetype":
        response.mimetype = "text/csv"
    elif what == "data":
        response.data = b"other"
    elif what == "set data":
        response.set_data("other")
    elif what == "header list":
        response.headers.extend({"X-A": "1", "X-B": "2"})
    elif what == "update headers":
        response.headers.update({"X-A": "1"})
    elif what == "set header":
        response.headers.set("X-A", "1")
        response.headers.setdefault("X-A", "2")
    elif what == "add header":
        response.headers.add_header("X-A", "1")
    elif what == "delete header":
        response.headers["X-A"] = "1"
        del response.headers["X-A"]
    elif what == "reads":
        response.headers["X-Read"] = f"{response.status_code} {response.get_data(as_text=True)}"
        response.headers["X-Type"] = f"{response.mimetype} {response.content_type} {response.is_json}"
    elif what == "fails":
        response.headers["x-ms-run-function-failed"] = "True"
    elif what == "says json":
        response.headers["Content-Type"] = "application/json"
    elif what == "ids":
        response.headers["x-request-id"] = "from the script"
        response.headers["TraceId"] = "from the script"
    elif what == "no store":
        response.headers["Cache-Control"] = "no-store"
    return response


@rawhttp
def run(request):
    return change(AMLResponse("made", 200), request.args.get("what"))
