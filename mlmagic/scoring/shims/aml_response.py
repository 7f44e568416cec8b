"""`AMLResponse`: a response of run() with its own status and headers. Its body may be streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from werkzeug.wrappers import Response

from mlmagic.scoring.http.response import HTML
from mlmagic.scoring.inputs.bodies import is_json
from mlmagic.scoring.outputs.json_encoder import JSON, Unserialisable, encode
from mlmagic.scoring.shims.wsgi import check_header

_CHUNK = (str, bytes, bytearray, memoryview)


class AMLResponse(Response):
    """A response of werkzeug, on which Flask's response is based.

    ``message`` is the body. Text, bytes and lists of them are sent unchanged. The items of a generator, a
    file or another iterator are streamed. Other values, and all with ``json_str``, are sent as JSON.

    ``status_code`` is a number from 200 to 599, or text such as ``"200 OK"``. The value of a header is split
    at its commas into repeated headers. A header ``Content-Type`` replaces the content type, except of a body
    that is sent as JSON: that keeps a JSON content type, as in Azure ML v1. A status of 500 or more counts as
    a failure of run().
    """

    def __init__(
        self,
        message: Any,
        status_code: int | str,
        response_headers: Mapping[str, Any] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        body, content_type = _body(message, json_str)
        super().__init__(body, _checked(status_code), content_type=content_type)
        self.run_function_failed = bool(run_function_failed)
        for name, value in (response_headers or {}).items():
            check_header(str(name), str(value))
            if str(name).lower() == "content-type":
                if content_type != JSON or is_json(str(value).partition(";")[0].strip().lower()):
                    self.headers[name] = str(value)
                continue
            for part in str(value).split(","):
                self.headers.add(str(name), part.strip())


def _checked(code: int | str) -> int | str:
    number = str(code).partition(" ")[0]
    if not number.isdigit() or not 200 <= int(number) <= 599:
        raise ValueError(f"status_code is {code!r}: it must be a number from 200 to 599")
    return code if isinstance(code, str) and not code.isdigit() else int(number)


def _body(message: Any, json_str: bool) -> tuple[bytes | Iterable[Any], str]:
    if message is None:
        return b"{}", JSON
    if json_str:
        return encode(message), JSON
    if isinstance(message, memoryview):
        message = bytes(message)
    if isinstance(message, _CHUNK):
        return message, HTML
    if isinstance(message, list | tuple) and all(isinstance(each, _CHUNK) for each in message):
        return message, HTML
    if isinstance(message, Iterator):
        return message, HTML
    try:
        return encode(message), JSON
    except Unserialisable:
        if isinstance(message, Iterable):
            return message, HTML
        raise
