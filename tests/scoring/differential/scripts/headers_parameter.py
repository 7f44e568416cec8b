import json


def init():
    pass


def run(data, request_headers):
    return {
        "type": isinstance(request_headers, dict),
        "who": request_headers.get("X-Who"),
        "content": request_headers.get("Content-Type"),
        "names": sorted(name for name in request_headers if name.startswith("X-")),
        "data": data,
    }
