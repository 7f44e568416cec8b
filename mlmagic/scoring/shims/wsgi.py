"""Converts this server's requests and responses to those of werkzeug and Flask (WSGI, PEP 3333), and back."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from mlmagic.scoring.http.peer import origin_of
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import RUN_FAILED, Chunked, Response, closing, field_lines

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def environ_of(request: Request) -> dict[str, Any]:
    """Return the WSGI environment of a request."""
    origin = origin_of(request.peer, request.fields)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.fields.items()}
    name, _, port = (origin.host or "localhost").rpartition(":")
    if not port.isdigit():
        name, port = origin.host or "localhost", _DEFAULT_PORTS.get(origin.scheme, "80")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "REQUEST_URI": request.target.decode("latin-1"),
        "RAW_URI": request.target.decode("latin-1"),
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": origin.address,
        "REMOTE_PORT": str(origin.port),
        "CONTENT_TYPE": fields.pop("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": origin.scheme,
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    fields.pop("content-length", None)
    if origin.host:
        fields["host"] = origin.host
    environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()})
    return environ


def is_response(result: object) -> bool:
    """Whether run() returned a response of werkzeug, such as an `AMLResponse` or a response of Flask."""
    wrappers: Any = sys.modules.get("werkzeug.wrappers")
    return wrappers is not None and isinstance(result, wrappers.Response)


def converted(result: Any, request: Request) -> tuple[Response, Chunked | None]:
    """Convert a response of werkzeug; also return its chunks if it is streamed.

    Raises ValueError for a status or a header that cannot be sent.
    """
    streamed = result.is_streamed
    chunks, status, headers = result.get_wsgi_response(environ_of(request))
    for name, value in headers:
        check_header(name, value)
    code = int(status.partition(" ")[0])
    if not 200 <= code <= 599:
        raise ValueError(f"status_code is {code}: it must be a number from 200 to 599")
    # The header is read from the result: it is removed from those that are sent.
    failed = str(result.headers.get(RUN_FAILED, getattr(result, "run_function_failed", False)))
    response = Response(
        code,
        content_type=next((value for name, value in headers if name.lower() == "content-type"), ""),
        fields=field_lines(headers),
        run_failed=code >= 500 or failed.lower() == "true",
    )
    if streamed and chunks:  # a response without a body has no chunks
        return response, closing(chunks)
    response.body = b"".join(closing(chunks))
    return response, None


def check_header(name: str, value: str) -> None:
    """Raise ValueError for a header that would corrupt the response."""
    if not name or not name.isascii() or any(letter <= " " or letter in ':"' for letter in name):
        raise ValueError(f"{name!r} is not a valid header name")
    if any((letter < " " and letter != "\t") or not "\x7f" != letter <= "\xff" for letter in value):
        raise ValueError(f"the value of the header {name!r} has characters that are not allowed in headers")


def error_response(error: BaseException) -> Response | None:
    """Return the response to an error of werkzeug, such as one of `flask.abort`; None for any other error.

    These errors have a status. A missing form field raises one too.
    """
    exceptions: Any = sys.modules.get("werkzeug.exceptions")
    if exceptions is None or not isinstance(error, exceptions.HTTPException):
        return None
    raised: Any = error  # an error of werkzeug, perhaps also a KeyError
    if raised.response is not None:
        given = raised.response
        return Response(given.status_code, given.get_data(), given.content_type or "")
    if raised.code is None:
        return None
    description = str(raised.description)
    if isinstance(error, KeyError) and error.args:
        description = f"The request has no value named {error.args[0]!r}."
    return Response.message(raised.code, description)
