"""What run() returned, where that is a whole HTTP response: its status, headers and body."""

from __future__ import annotations

import sys

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Chunked, Response

HttpResult = tuple[Response, Chunked | None]
"""A response, and the chunks of its body if that is to be streamed."""


def http_result(result: object, request: Request) -> HttpResult | None:
    """What is sent for ``result``: an `AMLResponse`, ours or the real one, or one of Flask; else None.

    Raises ValueError for headers that cannot be sent.
    """
    if "werkzeug" in sys.modules:
        from mlmagic.scoring.shims import wsgi

        if wsgi.is_response(result):
            return wsgi.converted(result, request)
    return None


def error_result(error: BaseException) -> Response | None:
    """The answer to an error of werkzeug, which has a status; None for any other error."""
    if "werkzeug" in sys.modules:
        from mlmagic.scoring.shims import wsgi

        return wsgi.error_response(error)
    return None
