"""`AMLResponse`: the answer of a run() that says status and headers itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.scoring.answers import JSON, encode
from mlmagic.scoring.http.response import HTML, Response
from mlmagic.scoring.shims.fields import HeaderLines

_RUN_FAILED = "x-ms-run-function-failed"
# How a message is framed is the server's to say, and so is which request it answers.
_OURS = (
    "content-type", "content-length", "transfer-encoding", "connection", "date",
    "x-request-id", "x-ms-request-id", _RUN_FAILED,
)  # fmt: skip
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
        body, content_type = _body(message, json_str)
        super().__init__(_checked(status_code), body, content_type, run_failed=bool(run_function_failed))
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

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status = _checked(code)

    @property
    def mimetype(self) -> str:
        return self._type().partition(";")[0].strip().lower()

    @mimetype.setter
    def mimetype(self, kind: str) -> None:
        self._headers.remove("Content-Type")
        self.content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

    @property
    def is_json(self) -> bool:
        return self.mimetype == JSON

    @property
    def data(self) -> bytes:
        return self.body

    @data.setter
    def data(self, value: str | bytes) -> None:
        self.set_data(value)

    def set_data(self, value: str | bytes) -> None:
        """Another body of the same type."""
        self.body = value.encode() if isinstance(value, str) else bytes(value)

    def get_data(self, as_text: bool = False) -> bytes | str:
        return self.body.decode("utf-8", "replace") if as_text else self.body

    def sealed(self, exec_ms: float) -> Response:
        """What is sent: a copy, so that a script may return one object again and again."""
        failed = self._headers.get(_RUN_FAILED, str(self.run_failed)).lower() == "true"
        lines = [f"{name}: {value}\r\n" for name, value in self._headers if name.lower() not in _OURS]
        return Response(
            self.status,
            b"" if self.status in _BODILESS else self.body,
            self._type(),
            fields="".join(lines).encode("latin-1"),
            run_failed=failed or self.status >= 500,
            exec_ms=exec_ms,
        )

    def _type(self) -> str:
        return str(self._headers.get("Content-Type", self.content_type))


def _checked(code: Any) -> int:
    status = int(code)
    if not 200 <= status <= 599:
        raise ValueError(f"status_code {code!r} is not between 200 and 599")
    return status


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
