"""HTTP/1.1 on one connection: bytes to requests and back, in order, within bounds.

    data_received -> parser callbacks -> a queue of requests and at most one final refusal
    _advance      -> one at a time to the service -> reply -> bytes

What cannot be read safely is refused in its turn, after the requests before it, and ends the
connection. Reading pauses while the queue is full, answering while the client does not read.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import httptools

from mlmagic.scoring.calls.streams import Stream
from mlmagic.scoring.http import head
from mlmagic.scoring.http.head import BODY_LIMIT, FIELD_LIMIT, HEAD_LIMIT, NAMES, Refusal, check_head
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response, unauthorized
from mlmagic.scoring.http.streaming import Streaming
from mlmagic.scoring.service import Service

QUEUE_LIMIT = 64
SLICE = 32 * 1024
"""A read is parsed in pieces, so that a flood of pipelined requests cannot fill the queue at once."""

TIMEOUT_S = 60.0
"""For the head of a request; for its body, this and a second for each `SLOWEST` bytes of it."""
SLOWEST = 16 * 1024
IDLE_S = 300.0
INTERNAL = "An unexpected internal error occurred. Check the logs for more info."

GOODBYE_S = 1.0
"""A client of TLS has this long, after its last answer, to read it before a drain hangs up on it."""
LINGER_S = 2.0
"""After a refusal, what the client still sends is thrown away for this long, so that it can read why."""


class HttpConnection(asyncio.Protocol):
    """One client. ``connections`` is the server's set of those that are open."""

    transport: asyncio.Transport

    def __init__(
        self,
        service: Service,
        connections: set[HttpConnection],
        loop: asyncio.AbstractEventLoop,
        lost: Callable[[], object] = bool,
    ) -> None:
        self._service = service
        self._connections = connections
        self._loop = loop
        self._lost = lost
        """Called when the connection has gone."""
        self._pieces: list[bytes] = []
        self._parser: Any = httptools.HttpRequestParser(self)
        self._queue: deque[Request | Response] = deque()
        self._current: Request | None = None
        """The request that the service is answering."""
        self._streaming: Streaming | None = None
        """Its answer, while that is being sent piece by piece."""
        self._unparsed = b""
        self._deaf = False
        """No further byte is parsed: a refusal or a last request is in the queue, or was answered."""
        self._last = False
        """Close when the queue is empty."""
        self._ended = False
        """The client has sent its last byte."""
        self._reading_paused = False
        self._writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self.served = 0
        self._reading = False
        """A request has begun to arrive and is not complete."""
        self._arrived = self._added = 0
        """Bytes of reads since it began; and fields that are not in `_fields` by themselves."""
        self._forget_message()

    # ---- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._connections.add(self)
        self._idle_since = self._loop.time()
        self._timer = self._loop.call_later(TIMEOUT_S, self._check_time)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._deaf = True
        self._queue.clear()
        self._unparsed = b""
        self._pieces = []
        if self._current is not None:
            self._current.abandoned = True
        if self._streaming is not None:
            self._streaming.abandon()
        if self._timer:
            self._timer.cancel()
        self._lost()

    def eof_received(self) -> bool:
        """The client sends no more; it may still be reading."""
        self._ended = self._last = True
        if not self._unparsed:
            self._hear_no_more()
        # TLS has no half-closed connections.
        return self.busy and self.transport.can_write_eof()

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._streaming is not None:
            self._streaming.pause()

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._streaming is not None:
            self._streaming.resume()
        self._loop.call_soon(self._advance)

    @property
    def busy(self) -> bool:
        """Whether a complete request waits for its answer."""
        return self._current is not None or bool(self._queue) or bool(self._unparsed)

    def drain(self, *, patient: bool) -> None:
        """Close as soon as nothing is owed. With ``patient`` a request may still be on its way."""
        self._last = True
        if not self.busy and not self._reading and not (patient and not self.served):
            self._part()

    def _part(self) -> None:
        """Close a connection that is idle."""
        if self.transport.is_closing():
            return
        self.transport.close()
        if not self.transport.can_write_eof():
            # TLS: a client that keeps its connection for later does not return our goodbye until then. The
            # last answer has had time to leave when this hangs up; one that has not, is waited for.
            idle = self._loop.time() - self._idle_since
            self._loop.call_later(max(GOODBYE_S - idle, GOODBYE_S / 20), self._hang_up)

    def _hang_up(self) -> None:
        if self.transport.get_write_buffer_size() == 0:
            self.transport.abort()

    def _check_time(self) -> None:
        now = self._loop.time()
        if self._reading:
            deadline = self._started + TIMEOUT_S + self._body_size / SLOWEST
            if now >= deadline and not self._deaf:
                self._refuse(Refusal(408, "The request took too long to arrive."))
                self._advance()
                return
        else:
            deadline = self._idle_since + IDLE_S
            if now >= deadline and not self.busy:
                self.transport.close()
                return
        self._timer = self._loop.call_later(min(max(deadline - now, 1.0), TIMEOUT_S), self._check_time)

    # ---- reading --------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._unparsed:
            self._unparsed += data
        else:
            self._take(data)
        if not self._reading_paused and (self._unparsed or len(self._queue) >= QUEUE_LIMIT):
            self._reading_paused = True
            self.transport.pause_reading()
        self._advance()

    def _take(self, data: bytes) -> None:
        """A request that is whole and alone may be known by its head; all else is parsed."""
        alone = not self._reading and not self._queue and len(data) <= SLICE
        heads = self._service.heads
        if alone and (request := heads.request(data)) is not None:
            request.arrived = perf_counter()
            request.admitted = self._service.admits(request.target, request.fields)
            if request.admitted:
                self._queue.append(request)
                return
        self._parse(data)
        if alone and len(self._queue) == 1 and not self._reading and isinstance(self._queue[0], Request):
            heads.learn(data, self._queue[0])

    def _parse(self, data: bytes) -> None:
        """Feed the parser until the data ends, the queue is full or nothing more may be read."""
        if len(data) <= SLICE:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            if self._deaf:
                return
            if len(self._queue) >= QUEUE_LIMIT:
                self._unparsed = data[start:]
                break
            self._feed(view[start : start + SLICE])

    def _feed(self, data: bytes | memoryview) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as stop:
                self._ignore_upgrade()
                data = data[stop.args[0] :]
                if data and not self._deaf:
                    continue
            except httptools.HttpParserError as error:
                if not self._deaf:
                    self._refuse(_refusal(error))
            break
        if self._reading:
            self._arrived += len(data)
            # The parser shows no line before its end; and of a body, nothing that is not in it.
            if not self._head_done and self._arrived > HEAD_LIMIT + SLICE:
                self._refuse(Refusal(431, head.TOO_LONG))
            elif self._arrived > 2 * HEAD_LIMIT + 3 * self._body_size:
                self._refuse(Refusal(400, "The body comes in chunks that are mostly something else."))

    def _ignore_upgrade(self) -> None:
        """What follows is no other protocol, as the parser thinks, but the body, or a new request."""
        self._parser = httptools.HttpRequestParser(self)
        request = self._queue[-1]
        if isinstance(request, Request) and (plain := head.without_upgrade(request)):
            self._queue.pop()
            self._deaf = False
            self._parser.feed_data(plain)

    def _resume(self) -> None:
        """Read on, once the queue has room again."""
        if len(self._queue) > QUEUE_LIMIT // 2:
            return
        if self._unparsed:
            data, self._unparsed = self._unparsed, b""
            self._parse(data)
            if self._ended and not self._unparsed:
                self._hear_no_more()
        if self._reading_paused and not self._unparsed and len(self._queue) <= QUEUE_LIMIT // 2:
            self._reading_paused = False
            self.transport.resume_reading()

    def _hear_no_more(self) -> None:
        self._deaf = True
        self._reading = self._expects = False
        self._pieces = []

    # ---- parser callbacks -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._deaf:
            raise Refusal(400, "This was to be the last request.")
        self._forget_message()
        self._reading = True
        self._started = self._loop.time()

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if value is None:
            value = b""
        name = NAMES.get(name) or head.field_name(name)
        fields = self._fields
        if name in fields or self._head_done:
            self._add(name, value)
        else:
            fields[name] = value

    def _add(self, name: bytes, value: bytes) -> None:
        """A field that has come already, or that comes after the body."""
        self._added += 1
        if self._added > FIELD_LIMIT:
            raise Refusal(431, head.TOO_MANY)
        if self._head_done:
            head.check_trailer(name)
        else:
            self._fields[name] = head.joined(name, self._fields[name], value)

    def on_headers_complete(self) -> None:
        self._head_done = True
        parser, target, fields = self._parser, self._target, self._fields
        if len(fields) + self._added > FIELD_LIMIT:
            raise Refusal(431, head.TOO_MANY)
        if self._arrived > HEAD_LIMIT - SLICE:
            head.check_size(target, fields)
        method = self._method = parser.get_method()
        version = self._version = parser.get_http_version()
        self._expects = check_head(method, target, version, fields)
        self._admitted = self._service.admits(target, fields)
        if self._expects and not self._admitted:
            self._end_after(unauthorized())  # it need not send its body
            raise Refusal(401, "")

    def on_body(self, piece: bytes) -> None:
        self._body_size += len(piece)
        if self._body_size > BODY_LIMIT:
            raise Refusal(413, f"The body exceeds {BODY_LIMIT} bytes.")
        if self._admitted:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        pieces = self._pieces
        request = Request(
            self._method,
            self._target,
            self._fields,
            pieces[0] if len(pieces) == 1 else b"".join(pieces),
            version=self._version,
            keep_alive=self._parser.should_keep_alive(),
        )
        request.arrived = perf_counter()
        request.admitted = self._admitted
        self._reading = self._expects = False
        self._pieces = []
        self._queue.append(request)
        if not request.keep_alive:
            self._deaf = self._last = True

    def _forget_message(self) -> None:
        self._method = self._target = b""
        self._version = "1.1"
        self._fields: dict[bytes, bytes] = {}
        self._pieces = []
        self._added = self._body_size = self._arrived = 0
        self._head_done = self._expects = False
        self._admitted = False
        self._started = 0.0

    def _refuse(self, refusal: Refusal) -> None:
        self._end_after(Response.message(refusal.status, str(refusal)))

    def _end_after(self, refusal: Response) -> None:
        """Answer this after all requests before it, and hear no more."""
        refusal.close = True
        self._last = True
        self._hear_no_more()
        self._queue.append(refusal)

    # ---- answering ------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Hand the next request to the service, if it is its turn."""
        if self._current is not None or self._writing_paused:
            return
        if not self._queue:
            self._nothing_owed()
            return
        item = self._queue.popleft()
        if isinstance(item, Response):
            self._end_with(item)
            return
        self._current = item
        try:
            self._service.answer(item, self._reply)
        except Exception:
            traceback.print_exc()
            self._reply(Response.message(500, INTERNAL))

    def _reply(self, response: Response) -> None:
        request = self._current
        if request is None or request.abandoned:
            return
        response.close = (
            not request.keep_alive
            or (self._last and not self._queue and not self._unparsed and not self._reading)
            or (response.is_stream and request.version == "1.0")
        )
        self.transport.write(self._service.renderer.render(response, request))
        if isinstance(response, Stream):
            self._streaming = Streaming(
                response,
                self.transport,
                self._loop,
                lambda complete: self._answered(response.close or not complete),
                chunked=request.version != "1.0",
            )
            self._streaming.start(paused=self._writing_paused)
        else:
            self._answered(response.close)

    def _answered(self, close: bool) -> None:
        """All of an answer has been written."""
        self._current = None
        self._streaming = None
        self.served += 1
        if close:
            self._deaf = True
            self.transport.close()
            return
        if self._queue or self._unparsed:
            # Not at once: other connections have their turn first.
            self._loop.call_soon(self._continue)
        else:
            self._idle_since = self._loop.time()
            self._nothing_owed()

    def _continue(self) -> None:
        if self._unparsed or self._reading_paused:
            self._resume()
        self._advance()

    def _nothing_owed(self) -> None:
        if self._expects and not self._pieces:
            self._expects = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._last and self._deaf and not self._reading:
            self.transport.close()

    def _end_with(self, refusal: Response) -> None:
        self.transport.write(self._service.renderer.render(refusal, None))
        # Closing while the client still sends would reset the connection and lose the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_S, self.transport.abort)


def _refusal(error: httptools.HttpParserError) -> Refusal:
    """Ours, which the parser has caught, or its own."""
    cause = error.__context__
    return (
        cause if isinstance(cause, Refusal) else Refusal(400, f"The request is not valid HTTP/1.1: {error}.")
    )
