import json

from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    what = request.args.get("what", "args")
    found = {
        "args": lambda: [request.args.to_dict(), request.args.getlist("x"), request.args.get("x", type=int)],
        "method": lambda: [request.method, request.path, request.full_path],
        "url": lambda: [request.url, request.base_url, request.host],
        "data": lambda: request.data.decode("latin-1"),
        "text": lambda: request.get_data(as_text=True),
        "json": lambda: request.json,
        "get_json": lambda: request.get_json(force=True),
        "silent": lambda: request.get_json(silent=True),
        "is_json": lambda: [request.is_json, request.mimetype, request.content_type, request.content_length],
        "form": lambda: request.form.to_dict(flat=False),
        "values": lambda: sorted(request.values.items()),
        "headers": lambda: [
            request.headers.get("X-One"),
            request.headers["x-one"],
            "x-ONE" in request.headers,
            request.headers.get("absent", "none"),
            sorted(name for name, _ in request.headers.items() if name.startswith("X-O")),
        ],
        "cookies": lambda: dict(request.cookies),
        "query": lambda: request.query_string.decode(),
        "stream": lambda: request.stream.read().decode(),
        "missing": lambda: request.args["absent"],
        "missing form": lambda: request.form["absent"],
        "missing file": lambda: request.files["absent"],
        "missing header": lambda: request.headers["absent"],
        "names": lambda: sorted(name for name in request.headers.keys() if name.startswith("X-O")),
        "dict": lambda: dict(request.headers).get("X-One"),
        "agent": lambda: [request.user_agent.string, str(request.user_agent)],
        "urls": lambda: [request.host_url, request.url_root, request.root_url, request.script_root],
        "sizes": lambda: [
            len(request.args),
            bool(request.form),
            bool(request.files),
            len(request.headers) > 3,
        ],
        "list": lambda: [
            request.form.getlist("a"),
            request.headers.getlist("X-One"),
            request.args.getlist("y"),
        ],
        "defaults": lambda: [request.args.get("n", 5, type=int), request.form.get("n", default="none")],
        "authorization": lambda: request.headers.get("Authorization", "nobody"),
        "remote": lambda: [request.scheme, request.is_secure],
    }[what]()
    return AMLResponse(found, 200, json_str=True)
