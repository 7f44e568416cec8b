"""`AMLResponse`: an answer of run() with a status and headers of its own, and a body that may be streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from werkzeug.wrappers import Response

from mlmagic.scoring.http.response import HTML
from mlmagic.scoring.outputs.json_encoder import JSON, Unserialisable, encode
from mlmagic.scoring.shims.wsgi import check_header

_CHUNK = (str, bytes, bytearray, memoryview)


class AMLResponse(Response):
    """A response of werkzeug, and therefore like Flask's, which the reference server's is.

    ``message`` is the body. Text and bytes are sent as they are; so are lists of them, joined. Those of a
    generator, a file or another iterator are sent one by one, each when it is yielded. Anything else (or
    with ``json_str``) is sent as JSON.

    ``status_code`` is a number from 200 to 599, or text such as ``"200 OK"``. The value of a header is split
    at its commas into repeated headers. A status of 500 or more counts as a failure of run().
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
                self.headers[name] = str(value)
                continue
            for part in str(value).split(","):
                self.headers.add(str(name), part.strip())


def _checked(code: int | str) -> int | str:
    number = str(code).partition(" ")[0]
    if not number.isdigit() or not 200 <= int(number) <= 599:
        raise ValueError(f"status_code {code!r} is not between 200 and 599")
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
