"""One connection from the router to the server of a version: it has one request at a time answered.

The server at the other end is this one, too: its answers have a length, or come in chunks. An answer with a
length is handed on as it came; one in chunks piece by piece, no faster than the client reads.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Renderer, Response
from mlmagic.scoring.http.streaming import StreamedResponse, Then

_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_CLOSE = b"\r\nconnection: close\r\n"
_CHUNKED = b"\r\ntransfer-encoding: chunked\r\n"
HEAD_LIMIT = 64 * 1024
MOST_PIECES = 16
"""How many pieces of a stream may wait for a client; then no more are read."""


class Broken(Exception):
    """The version's server broke the connection off, or sent what is no answer."""


class Forwarded(Response):
    """An answer of a version's server: ``head`` are its lines, without the empty one after them."""

    __slots__ = ("head",)

    def __init__(self, status: int, head: bytes, body: bytes = b"") -> None:
        super().__init__(status, body)
        self.head = head


class ForwardingRenderer(Renderer):
    """Renders answers of versions as they came, with the fields that the router adds."""

    def render(self, response: Response, request: Request | None) -> bytes:
        if isinstance(response, ForwardedStream):
            is_chunked = request is None or request.version != "1.0"
            framing = b"Transfer-Encoding: chunked\r\n" if is_chunked else b""
        elif isinstance(response, Forwarded):
            framing = b""
        else:
            return super().render(response, request)
        if response.close:
            framing += b"Connection: close\r\n"
        elif request is not None and request.version == "1.0":
            framing += b"Connection: keep-alive\r\n"
        return b"%b%b%b\r\n%b" % (response.head, response.fields, framing, response.body)


class ForwardedStream(StreamedResponse):
    """An answer in chunks, on its way from a version's server to the client."""

    __slots__ = ("_closed", "_is_over", "_pieces", "_then", "_upstream", "head", "on_end")

    def __init__(self, status: int, head: bytes, upstream: Upstream) -> None:
        super().__init__(status)
        self.head = head
        self.on_end: Callable[[bool], None] = _nothing
        """Called once, with whether the stream has failed."""
        self._upstream: Upstream | None = upstream
        self._pieces: deque[bytes] = deque()
        self._then: Then | None = None
        self._closed = False
        """No more pieces will come."""
        self._is_over = False

    @property
    def first(self) -> bytes:
        """Nothing: the pieces follow."""
        return b""

    @property
    def complete(self) -> bool:
        return self._is_over

    def pull(self, then: Then) -> None:
        if self._pieces:
            piece = self._pieces.popleft()
            if self._upstream is not None and len(self._pieces) == MOST_PIECES // 2:
                self._upstream.read_on()
            then(piece)
        elif self._is_over:
            then(b"")
        elif self._closed:
            then(None)
        else:
            self._then = then

    def abandon(self) -> None:
        if self._upstream is not None and not self._is_over:
            self._upstream.break_off()
            self._ended(failed=False)  # it is the client that has ended it

    # -- from the version's server

    def add(self, piece: bytes) -> bool:
        """Take a piece; False if no more should be read for now."""
        if self._then is not None:
            then, self._then = self._then, None
            then(piece)
        else:
            self._pieces.append(piece)
        return len(self._pieces) < MOST_PIECES

    def end(self, *, failed: bool) -> None:
        """The last piece has come, or none will any more."""
        if not self._closed:
            self._is_over = not failed
            self._ended(failed=failed)
            if self._then is not None:
                self.pull(self._then)

    def _ended(self, *, failed: bool) -> None:
        self._upstream, self._closed = None, True
        self.on_end(failed)


class Owner(Protocol):
    """What has the connection: a version."""

    def release(self, upstream: Upstream) -> None:
        """It can be used again."""

    def lost(self, upstream: Upstream) -> None:
        """It is gone."""


class Exchange(Protocol):
    """A request that is to be answered."""

    data: bytes
    """What is sent."""
    is_head: bool
    """Its answer has no body."""

    def answered(self, found: Response | Broken) -> None:
        """Called once, with the answer or why there is none."""

    def unread(self) -> None:
        """Called instead, if the server has closed the connection without having read the request."""


class Upstream(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner, url: str) -> None:
        self._owner = owner
        self.url = url
        self.exchange: Exchange | None = None
        """The request that is being answered."""
        self.silent = True
        """Nothing of the answer has come yet."""
        self.idle_since = 0.0
        self._unread = False
        self._received = b""
        self._pieces: list[bytes] = []
        self._missing = 0
        self._status = 0
        self._head = b""
        self._closes = False
        self._stream: ForwardedStream | None = None
        self._parser: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, exchange: Exchange) -> None:
        """Have a request answered."""
        self.exchange = exchange
        self.silent = True
        self.transport.write(exchange.data)

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.break_off()  # nobody has asked
            return
        self.silent = False
        if self._stream is not None:
            self._feed(data)
        elif self._missing:
            self._add(data)
        else:
            self._begin(self._received + data if self._received else data)

    def eof_received(self) -> None:
        """The server sends no more: it has ended, or closed a connection that was idle."""
        if self.exchange is not None and self.silent:
            self._unread = self.transport.get_write_buffer_size() > 0 or _unacknowledged(self.transport) > 0

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.lost(self)
        stream, exchange, self.exchange = self._stream, self.exchange, None
        if stream is not None:
            stream.end(failed=True)
        elif exchange is not None:
            # Systems reset a connection that is closed with something unread, or closed before it came.
            if self.silent and (self._unread or isinstance(error, ConnectionError)):
                exchange.unread()
            else:
                exchange.answered(Broken("it closed the connection"))

    @property
    def is_streaming(self) -> bool:
        """Whether an answer is handed on piece by piece."""
        return self._stream is not None

    def break_off(self) -> None:
        """Close it: its answer is of no use any more."""
        self.transport.abort()

    def read_on(self) -> None:
        """The client has read: more may come."""
        self.transport.resume_reading()

    def _begin(self, data: bytes) -> None:
        """The beginning of an answer has come."""
        assert self.exchange is not None
        end = data.find(_END)
        if end < 0:
            self._received = data
            if len(data) > HEAD_LIMIT:
                self.break_off()
            return
        self._received = b""
        head = data[: end + 2]
        lowered = head.lower()
        try:
            self._status = status = int(data[9:12])
            at = lowered.find(_LENGTH)
            length = -1 if at < 0 else int(lowered[at + len(_LENGTH) : lowered.index(b"\r\n", at + 2)])
        except ValueError:
            self.break_off()
            return
        self._closes = _CLOSE in lowered
        if self._closes:
            head = _without(head, lowered, _CLOSE)
        if self.exchange.is_head or status in (204, 304):
            length = 0
        elif length < 0:
            if _CHUNKED in lowered:
                self._begin_stream(data, _without(head, head.lower(), _CHUNKED))
            else:
                self.break_off()
            return
        body = data[end + 4 :]
        self._head = head
        if len(body) == length:
            self._finish(body)
        elif len(body) > length:
            self.break_off()
        else:
            self._pieces, self._missing = [body], length - len(body)

    def _add(self, data: bytes) -> None:
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing < 0:
            self.break_off()
        elif not self._missing:
            pieces, self._pieces = self._pieces, []
            self._finish(b"".join(pieces))

    def _finish(self, body: bytes) -> None:
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        self._free()
        exchange.answered(Forwarded(self._status, self._head, body))

    def _free(self) -> None:
        if self._closes:
            self.transport.close()
        else:
            self._owner.release(self)

    # -- streams

    def _begin_stream(self, data: bytes, head: bytes) -> None:
        assert self.exchange is not None
        self._stream = ForwardedStream(self._status, head, self)
        self._parser = httptools.HttpResponseParser(self)
        self.exchange.answered(self._stream)
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.break_off()

    def on_body(self, piece: bytes) -> None:
        """Of the parser."""
        if self._stream is not None and not self._stream.add(piece):
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        """Of the parser."""
        stream, self._stream = self._stream, None
        if stream is None:  # nobody has asked for a second answer
            self.break_off()
            return
        self._parser = None
        self.exchange = None
        self.transport.resume_reading()
        stream.end(failed=False)
        self._free()


def _without(head: bytes, lowered: bytes, line: bytes) -> bytes:
    at = lowered.find(line)
    return head if at < 0 else head[: at + 2] + head[at + len(line) :]


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the other end has not acknowledged; 0 where the system does not say."""
    unsent = array.array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, unsent)
    except OSError:
        return 0
    return unsent[0]


def _nothing(_: object) -> None:
    return
