"""What run() returned, where that is a whole HTTP response: its status, headers and body."""

from __future__ import annotations

import sys

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Chunked, Response

HttpResult = tuple[Response, Chunked | None]
"""A response, and the chunks of its body if that is to be streamed."""


def http_result(result: object, request: Request) -> HttpResult | None:
    """What is sent for ``result``: an `AMLResponse`, ours or the real one, or one of Flask; else None."""
    if isinstance(result, Response):
        return result.sealed(), result.chunks()
    if "werkzeug" in sys.modules:
        from mlmagic.scoring.shims import installed_http

        if installed_http.is_response(result):
            return installed_http.converted(result, request)
    return None
