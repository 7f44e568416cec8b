"""The real request and response of `azureml.contrib.services` or the reference server, where installed.

They are Flask's. A script that imports them gets a Flask request, and may return any response of werkzeug.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import RUN_FAILED, Chunked, Response, closing, field_lines

_REQUEST_MODULES = (
    "azureml.contrib.services.aml_request",
    "azureml_inference_server_http.api.aml_request",
)
_REQUESTED = "_rawHttpRequested"
"""A variable of these modules: their `rawhttp` sets it, and leaves nothing on the function."""


def take_raw_request() -> Callable[[Request], Any] | None:
    """What makes a Flask request of ours, if the real `rawhttp` was applied since the last call."""
    for name in _REQUEST_MODULES:
        module: Any = sys.modules.get(name)
        if getattr(module, _REQUESTED, False):
            setattr(module, _REQUESTED, False)
            flask_request: Any = module.Request
            return lambda request: flask_request(environ_of(request))
    return None


def environ_of(request: Request) -> dict[str, Any]:
    """``request`` as WSGI has it."""
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.fields.items()}
    host, _, port = fields.get("host", "localhost").partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "CONTENT_TYPE": fields.pop("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    fields.pop("content-length", None)
    environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()})
    return environ


def is_response(result: object) -> bool:
    """Whether run() returned a response of werkzeug: an `AMLResponse`, or one of Flask's."""
    wrappers: Any = sys.modules.get("werkzeug.wrappers")
    return wrappers is not None and isinstance(result, wrappers.Response)


def converted(result: Any, request: Request) -> tuple[Response, Chunked | None]:
    """A response of werkzeug as ours; and its chunks, if it is streamed."""
    streamed = result.is_streamed
    chunks, status, headers = result.get_wsgi_response(environ_of(request))
    code = int(status.partition(" ")[0])
    response = Response(
        code,
        content_type=next((value for name, value in headers if name.lower() == "content-type"), ""),
        fields=field_lines(headers),
        run_failed=code >= 500 or result.headers.get(RUN_FAILED, "").lower() == "true",
    )
    if streamed and chunks:  # without chunks it is one that has no body
        return response, closing(chunks)
    response.body = b"".join(closing(chunks))
    return response, None
