"""`AMLResponse`: the answer of a run() that says status and headers itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.scoring.answers import JSON, encode
from mlmagic.scoring.http.response import HTML, Response
from mlmagic.scoring.shims.fields import HeaderLines

# How a message is framed is the server's to say.
_OURS = ("content-type", "content-length", "transfer-encoding", "connection", "date")
_BODILESS = (204, 304)


class AMLResponse(Response):
    """``message`` is the body: text or bytes as they are, anything else (or ``json_str``) as JSON.

    A header's value is split at its commas into repeated headers. A status of 500 or more counts as a
    failure of run().
    """

    __slots__ = ("_headers",)

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, Any] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        status = int(status_code)
        if not 200 <= status <= 599:
            raise ValueError(f"status_code {status_code!r} is not between 200 and 599")
        body, content_type = _body(message, json_str)
        failed = bool(run_function_failed) or status >= 500
        super().__init__(status, b"" if status in _BODILESS else body, content_type, run_failed=failed)
        self._headers = HeaderLines()
        for name, value in (response_headers or {}).items():
            for part in str(value).split(","):
                self._headers.add(name, part.strip())

    @property
    def headers(self) -> HeaderLines:
        return self._headers

    @property
    def status_code(self) -> int:
        return self.status

    @property
    def data(self) -> bytes:
        return self.body

    def get_data(self, as_text: bool = False) -> bytes | str:
        return self.body.decode("utf-8", "replace") if as_text else self.body

    def sealed(self, exec_ms: float) -> Response:
        """What is sent: a copy, so that a script may return one object again and again."""
        content_type = self._headers.get("Content-Type", self.content_type)
        lines = [f"{name}: {value}\r\n" for name, value in self._headers if name.lower() not in _OURS]
        fields = "".join(lines).encode("latin-1")
        return Response(
            self.status, self.body, content_type, fields=fields, run_failed=self.run_failed, exec_ms=exec_ms
        )


def _body(message: Any, json_str: bool) -> tuple[bytes, str]:
    if message is None:
        return b"{}", JSON
    if json_str:
        return encode(message), JSON
    if isinstance(message, str):
        return message.encode(), HTML
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message), HTML
    return encode(message), JSON
