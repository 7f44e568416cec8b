import json

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


def with_headers():
    response = AMLResponse("made", 201)
    response.headers["X-Model"] = "v1"
    response.headers.add("X-Model", "v2")
    response.headers["Content-Type"] = "text/csv"
    return response


MAKERS = {
    "text": lambda: AMLResponse("hello", 200),
    "bytes": lambda: AMLResponse(b"\x89PNG\x00", 200),
    "none": lambda: AMLResponse(None, 200),
    "json": lambda: AMLResponse({"a": [1, "ö"]}, 200, json_str=True),
    "json text": lambda: AMLResponse(json.dumps({"a": 1}), 200, {"Content-Type": "application/json"}),
    "json twice": lambda: AMLResponse(json.dumps({"a": 1}), 200, json_str=True),
    "headers": lambda: AMLResponse("x", 200, {"X-A": "1", "X-B": "2, 3"}),
    "set headers": with_headers,
    "created": lambda: AMLResponse("", 201, {"Location": "/score/1"}),
    "no content": lambda: AMLResponse("", 204),
    "bad request": lambda: AMLResponse("bad request", 400),
    "not found": lambda: AMLResponse({"error": "no"}, 404, json_str=True),
    "teapot": lambda: AMLResponse("teapot", 418),
    "server error": lambda: AMLResponse("bad request", 500),
    "unavailable": lambda: AMLResponse("later", 503, {"Retry-After": "5"}),
    "failed": lambda: AMLResponse("no", 200, run_function_failed=True),
    "redirect": lambda: AMLResponse("", 302, {"Location": "https://example.com/"}),
    "list": lambda: AMLResponse(["a", "b"], 200),
    "dict": lambda: {"plain": "dict"},
    "string": lambda: "plain text",
    "nothing": lambda: None,
    "int": lambda: 3,
    "raises": lambda: 1 / 0,
    "set cookie": lambda: AMLResponse("x", 200, {"Set-Cookie": "a=1"}),
    "int header": lambda: AMLResponse("x", 200, {"X-N": 5}),
    "problem": lambda: AMLResponse({"a": 1}, 400, {"X-P": "1"}, json_str=True),
    "nan": lambda: AMLResponse([float("nan")], 200, json_str=True),
    "a set": lambda: AMLResponse({1, 2}, 200, json_str=True),
    "text status": lambda: AMLResponse("x", "201"),
    "keywords": lambda: AMLResponse(
        message="x", status_code=200, response_headers={"X-K": "1"}, json_str=False
    ),
}


@rawhttp
def run(request):
    return MAKERS[request.args["make"]]()
