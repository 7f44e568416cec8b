"""`AMLResponse`: an answer of run() with a status and headers of its own, and a body that may be streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlmagic.scoring.http.response import (
    HTML,
    RUN_FAILED,
    Chunked,
    Response,
    chunk_bytes,
    closing,
    field_lines,
)
from mlmagic.scoring.outputs.json_encoder import JSON, Unserialisable, encode
from mlmagic.scoring.shims.fields import HeaderLines

_BODILESS = (204, 304)


class AMLResponse(Response):
    """``message`` is the body.

    Text and bytes are sent as they are; so are lists of them, joined. Those of a generator, a file or another
    iterator are sent one by one, each when it is yielded. Anything else (or ``json_str``) is sent as JSON.

    The value of a header is split at its commas into repeated headers. A status of 500 or more counts as a
    failure of run().
    """

    __slots__ = ("_chunks", "_headers")

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, Any] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        body, content_type = _body(message, json_str)
        self._chunks = None if isinstance(body, bytes) else body
        whole = body if isinstance(body, bytes) else b""
        super().__init__(_checked(status_code), whole, content_type, run_failed=bool(run_function_failed))
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
    def is_streamed(self) -> bool:
        """Whether the body is sent in chunks, as they are made."""
        return self._chunks is not None

    @property
    def data(self) -> bytes:
        """The body; one that is streamed is collected."""
        if self._chunks is not None:
            self.set_data(b"".join(map(chunk_bytes, closing(self._chunks))))
        return self.body

    @data.setter
    def data(self, value: str | bytes) -> None:
        self.set_data(value)

    def set_data(self, value: str | bytes) -> None:
        """Another body of the same type."""
        self.body, self._chunks = chunk_bytes(value), None

    def get_data(self, as_text: bool = False) -> bytes | str:
        return self.data.decode("utf-8", "replace") if as_text else self.data

    def sealed(self) -> Response:
        """What is sent: a copy, so that a script may return one object again and again."""
        failed = self._headers.get(RUN_FAILED, str(self.run_failed)).lower() == "true"
        return Response(
            self.status,
            b"" if self.status in _BODILESS else self.body,
            self._type(),
            fields=field_lines(self._headers),
            run_failed=failed or self.status >= 500,
        )

    def chunks(self) -> Chunked | None:
        """The body that is to be streamed after `sealed`, if it is; it can be read only once."""
        return None if self._chunks is None or self.status in _BODILESS else closing(self._chunks)

    def _type(self) -> str:
        return str(self._headers.get("Content-Type", self.content_type))


def _checked(code: Any) -> int:
    status = int(code)
    if not 200 <= status <= 599:
        raise ValueError(f"status_code {code!r} is not between 200 and 599")
    return status


def _body(message: Any, json_str: bool) -> tuple[bytes | Iterable[Any], str]:
    if message is None:
        return b"{}", JSON
    if json_str:
        return encode(message), JSON
    if isinstance(message, _CHUNK):
        return chunk_bytes(message), HTML
    if isinstance(message, list | tuple) and all(isinstance(each, _CHUNK) for each in message):
        return b"".join(map(chunk_bytes, message)), HTML
    if isinstance(message, Iterator):
        return message, HTML
    try:
        return encode(message), JSON
    except Unserialisable:
        if isinstance(message, Iterable):
            return message, HTML
        raise


_CHUNK = (str, bytes, bytearray, memoryview)
