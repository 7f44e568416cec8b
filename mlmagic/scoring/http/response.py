"""One HTTP answer, and the bytes it becomes."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Generator, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import orjson

from mlmagic._version import __version__
from mlmagic.scoring import settings
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.outputs.json_encoder import JSON

HTML = "text/html; charset=utf-8"

ID_LIMIT = 100
_IDENTITIES = (b"x-request-id", b"x-ms-request-id", b"x-ms-client-request-id")
_QUOTED = frozenset((*_IDENTITIES, b"traceid"))
"""Fields of a request that its answer quotes."""
RUN_FAILED = "x-ms-run-function-failed"
SERVER_FIELDS = frozenset((
    "content-type", "content-length", "transfer-encoding", "connection", "date",
    "x-content-type-options", "x-request-id", "x-ms-request-id", RUN_FAILED,
))  # fmt: skip
"""Headers that the server sets: how an answer is framed, and which request it belongs to."""
LEADS_LIMIT = 64

# http.HTTPStatus has them too, and costs two milliseconds of every start.
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


Chunked = Generator[Any, None, None]
"""The pieces of a body, text or bytes."""


@dataclass(slots=True, eq=False)
class Response:
    """One answer."""

    is_stream: ClassVar[bool] = False

    status: int
    body: bytes = b""
    content_type: str = JSON
    _: KW_ONLY
    fields: bytes = b""
    """More headers, as complete lines."""
    run_failed: bool = False
    exec_ms: float | None = None
    """How long run() took."""
    close: bool = False
    """Close the connection afterwards."""

    @classmethod
    def message(cls, status: int, message: str, *, close: bool = False, fields: bytes = b"") -> Response:
        """``{"message": ...}``, as every error of the contract looks."""
        return cls(status, orjson.dumps({"message": message}), close=close, fields=fields)


def field_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """The lines of ``headers``, without those that the server sets."""
    lines = [f"{name}: {value}\r\n" for name, value in headers if name.lower() not in SERVER_FIELDS]
    return "".join(lines).encode("latin-1")


def chunk_bytes(chunk: Any) -> bytes:
    """A piece of a body. Raises TypeError unless it is text or bytes."""
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"a response yielded {type(chunk).__name__}: it must yield text or bytes")


def closing(chunks: Iterable[Any]) -> Chunked:
    """``chunks``, a file or a generator say, which is closed at the end, or when this is closed."""
    try:
        yield from chunks
    finally:
        if callable(close := getattr(chunks, "close", None)):
            close()


def unauthorized() -> Response:
    """The one answer to every request without a credential, whatever is wrong with it."""
    return Response.message(401, "Unauthorized", fields=b"WWW-Authenticate: Bearer\r\n")


_is_identity = re.compile(rb"[A-Za-z0-9._~:/+=|@,;-]{1,%d}" % ID_LIMIT).fullmatch
"""Ids go into logs, cards and other answers: no control characters, no letters beyond ASCII, no markup."""


def safe_identity(value: bytes | None) -> bytes | None:
    """An id from a request, if it may be shown and quoted."""
    return value if value is not None and _is_identity(value) else None


class Identities:
    """Makes request ids that look like a UUID at the price of a counter."""

    def __init__(self) -> None:
        seed = os.urandom(9).hex()
        self._prefix = f"{seed[:8]}-{seed[8:12]}-4{seed[12:15]}-8{seed[15:18]}-".encode()
        self._count = itertools.count(int.from_bytes(os.urandom(5)))

    def new(self) -> bytes:
        return b"%s%012x" % (self._prefix, next(self._count))


class Renderer:
    """Turns answers into bytes; one per server."""

    def __init__(self) -> None:
        self.identities = Identities()
        shown = settings.shows_version()
        self._version = f"x-ms-server-version: mlmagic/{__version__}\r\n" if shown else ""
        self._second = 0
        self._date = b""
        self._leads: dict[tuple[int, str, bool], bytes] = {}
        """The first lines of answers that were given this second."""

    def render(self, response: Response, request: Request | None) -> bytes:
        """Head and body. Without a request (it could not be read) no request is quoted."""
        second = int(time.time())
        if second != self._second:
            self._turn(second)
        key = (response.status, response.content_type, response.run_failed)
        lead = self._leads.get(key) or self._lead(key)
        more = response.fields
        if response.exec_ms is not None:
            more = b"x-ms-run-fn-exec-ms: %.3f\r\n%b" % (response.exec_ms, more)
        if response.close:
            more += b"Connection: close\r\n"
        elif request is not None and request.version == "1.0":
            more += b"Connection: keep-alive\r\n"
        if response.is_stream:
            return b"%b%b%b%b\r\n" % (lead, self._echoes(request), _stream_framing(request), more)
        body = response.body
        return b"%b%bContent-Length: %d\r\n%b\r\n%b" % (
            lead,
            self._echoes(request),
            len(body),
            more,
            b"" if request is not None and request.method == b"HEAD" else body,
        )

    def identify(self, request: Request) -> bytes:
        """The id of ``request``: its own, else a new one. An id that is not safe to show is not its own."""
        if not request.identity:
            request.identity = safe_identity(request.fields.get(b"x-request-id")) or self.identities.new()
        return request.identity

    def _lead(self, key: tuple[int, str, bool]) -> bytes:
        status, content_type, run_failed = key
        lead = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nContent-Type: {content_type}\r\n"
            f"{self._version}X-Content-Type-Options: nosniff\r\n"
            f"x-ms-run-function-failed: {run_failed}\r\nDate: "
        ).encode("latin-1")
        lead += self._date + b"\r\n"
        # A script may answer with a new type each time.
        if len(self._leads) < LEADS_LIMIT:
            self._leads[key] = lead
        return lead

    def _echoes(self, request: Request | None) -> bytes:
        if request is None:
            identity = self.identities.new()
            return b"x-request-id: %s\r\nx-ms-request-id: %s\r\n" % (identity, identity)
        fields = request.fields
        identity = request.identity or self.identify(request)
        if _QUOTED.isdisjoint(fields):
            return b"x-request-id: %s\r\nx-ms-request-id: %s\r\n" % (identity, identity)
        old = safe_identity(fields.get(b"x-ms-request-id"))
        client = safe_identity(fields.get(b"x-ms-client-request-id")) or old
        lines = b"x-request-id: %s\r\nx-ms-request-id: %s\r\n" % (identity, old or client or identity)
        if client:
            lines += b"x-ms-client-request-id: %s\r\n" % client
        if trace := safe_identity(fields.get(b"traceid")):
            lines += b"TraceId: %s\r\n" % trace
        return lines

    def _turn(self, second: int) -> None:
        self._second = second
        self._leads.clear()
        t = time.gmtime(second)
        self._date = (
            f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
            f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
        ).encode()


def _stream_framing(request: Request | None) -> bytes:
    # HTTP/1.0 has no chunks: the end of the connection is the end of the answer.
    return b"" if request is not None and request.version == "1.0" else b"Transfer-Encoding: chunked\r\n"


def too_long_identity(request: Request) -> Response | None:
    """The refusal of an id header over the limit; such an id is not echoed."""
    if _QUOTED.isdisjoint(request.fields):
        return None
    for name in _IDENTITIES:
        value = request.fields.get(name)
        if value is not None and len(value) > ID_LIMIT:
            for each in _IDENTITIES:
                if len(request.fields.get(each, b"")) > ID_LIMIT:
                    del request.fields[each]
            return Response.message(431, f"{name.decode()} must not exceed {ID_LIMIT} characters")
    return None
