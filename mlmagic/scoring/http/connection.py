"""HTTP/1.1 on one connection: requests are read, answered one at a time, in order, within time limits.

    data_received -> `RequestReader` -> its queue
    _advance      -> one request at a time to the service -> _reply -> bytes

Reading pauses while the queue is full, answering while the client does not read.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from mlmagic.scoring.http.body_budget import RETRY
from mlmagic.scoring.http.descriptors import FULL, Descriptors
from mlmagic.scoring.http.peer import Peer
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.request_head import Refusal
from mlmagic.scoring.http.request_reader import PIPELINE_BYTES, TIMEOUT_S, Gate, RequestReader
from mlmagic.scoring.http.response import Renderer, Response
from mlmagic.scoring.http.streaming import StreamedResponse, Streaming
from mlmagic.scoring.metrics import Counters

IDLE_S = 300.0
WRITE_S = 60.0
"""A client that takes no byte of its answer for so long is disconnected."""
INTERNAL = "An unexpected internal error occurred. Check the logs for more info."

GOODBYE_S = 1.0
"""A client of TLS has this long, after its last answer, to read it before a drain closes the connection."""
LINGER_S = 2.0
"""After a refusal, what the client still sends is thrown away for this long, so that it can read why."""


class Answering(Gate, Protocol):
    """What answers the requests of connections: the service of a script, or the router of an endpoint."""

    renderer: Renderer
    descriptors: Descriptors | None
    """Of the server; None without one."""
    observe: Callable[[Request, Response], None] | None
    """Called with each request and its answer when that is written, or the head of a stream."""

    @property
    def counters(self) -> Counters:
        """What is counted of its requests."""

    @property
    def stuck(self) -> bool:
        """Whether a call does not end, so that the process must be ended."""

    def answer(self, request: Request, reply: Callable[[Response], None]) -> None:
        """Call ``reply`` exactly once, now or later."""

    def close(self) -> None:
        """No more requests will come."""


class HttpConnection(asyncio.Protocol):
    """One client. ``connections`` is the server's set of those that are open."""

    transport: asyncio.Transport

    def __init__(
        self,
        service: Answering,
        connections: set[HttpConnection],
        loop: asyncio.AbstractEventLoop,
        lost: Callable[[], object] = bool,
    ) -> None:
        self._service = service
        self._observe = service.observe
        self._connections = connections
        self._loop = loop
        self._lost = lost
        """Called when the connection is lost."""
        self._reader = RequestReader(service, loop.time)
        self._queue = self._reader.queue
        self._current: Request | None = None
        """The request that the service is answering."""
        self._streaming: Streaming | None = None
        """Its answer, while that is being sent piece by piece."""
        self._reading_paused = False
        self._writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        """Runs while the client does not read."""
        self._idle_since = 0.0
        self.served = 0

    # ---- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._peer = _peer_of(transport)
        descriptors = self._service.descriptors
        has_room = descriptors is None or descriptors.has_room(_descriptor_of(transport))
        self._connections.add(self)
        self._idle_since = self._loop.time()
        self._timer = self._loop.call_later(TIMEOUT_S, self._check_time)
        if not has_room:
            self._reader.done = True
            refusal = Response.message(503, FULL, close=True, fields=RETRY)
            transport.write(self._service.renderer.render(refusal, None))
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._reader.abandon()
        if self._current is not None:
            self._current.abandoned = True
        if self._streaming is not None:
            self._streaming.abandon()
        for timer in (self._timer, self._write_timer):
            if timer:
                timer.cancel()
        self._lost()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader.done:
            return
        reader.receive(data)
        if not self._reading_paused and reader.full:
            self._pause_reading()
        self._advance()
        # Of a client that sends requests without waiting for answers, only so much is kept.
        if (
            (self._current is not None or self._writing_paused)
            and (reader.reading or self._queue)
            and not self._reading_paused
            and reader.waiting > PIPELINE_BYTES
        ):
            self._pause_reading()

    def _pause_reading(self) -> None:
        self._reading_paused = True
        self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may still be reading."""
        self._reader.end()
        # TLS has no half-closed connections.
        return self.busy and self.transport.can_write_eof()

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._watch_writing()
        if self._streaming is not None:
            self._streaming.pause()

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._write_timer:
            self._write_timer.cancel()
        if self._streaming is not None:
            self._streaming.resume()
        self._loop.call_soon(self._continue)

    def _watch_writing(self) -> None:
        """Abort if the client takes no byte of what is written for `WRITE_S`."""
        unsent = self.transport.get_write_buffer_size()
        self._write_timer = self._loop.call_later(WRITE_S, self._check_writing, unsent)

    def _check_writing(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch_writing()
        else:
            self._service.counters.unread += 1
            self.transport.abort()

    @property
    def busy(self) -> bool:
        """Whether a complete request waits for its answer."""
        return self._current is not None or bool(self._queue) or bool(self._reader.unparsed)

    def drain(self, idle_since: float) -> None:
        """Close once nothing is owed, and no request is likely to be on its way.

        That is when the connection has been idle since ``idle_since`` of the loop's clock. A request that
        comes before is answered, with ``Connection: close``.
        """
        self._reader.last = True
        if not self.busy and not self._reader.reading and self._idle_since <= idle_since:
            self.close_idle()

    @property
    def idle_since(self) -> float | None:
        """Since when it has been idle; None while it is not."""
        idle = not self.busy and not self._reader.reading and not self.transport.is_closing()
        return self._idle_since if idle else None

    def close_idle(self) -> None:
        """Close a connection that is idle."""
        if self.transport.is_closing():
            return
        self.transport.close()
        if not self.transport.can_write_eof():
            # TLS: a client that keeps its connection for later does not answer our close_notify until then.
            # Its last answer has had time to leave when this aborts; one that has not, is waited for.
            idle = self._loop.time() - self._idle_since
            self._loop.call_later(max(GOODBYE_S - idle, GOODBYE_S / 20), self._abort_if_sent)

    def _abort_if_sent(self) -> None:
        if self.transport.get_write_buffer_size() == 0:
            self.transport.abort()

    def _check_time(self) -> None:
        now = self._loop.time()
        if self._reader.reading:
            # What is not read is not late.
            deadline = now + TIMEOUT_S if self._reading_paused else self._reader.deadline
            if now >= deadline and not self._reader.done:
                self._reader.refuse(Refusal(408, "The request took too long to arrive."))
                self._advance()
                return
        else:
            deadline = self._idle_since + IDLE_S
            if now >= deadline and self.transport.is_closing():
                self.transport.abort()  # the client does not read the last answer
                return
            if now >= deadline and not self.busy:
                self.transport.close()
        self._timer = self._loop.call_later(min(max(deadline - now, 1.0), TIMEOUT_S), self._check_time)

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
        item.peer = self._peer
        try:
            self._service.answer(item, self._reply)
        except Exception:
            traceback.print_exc()
            self._reply(Response.message(500, INTERNAL))

    def _reply(self, response: Response) -> None:
        request, reader = self._current, self._reader
        if request is None:
            return
        if request.abandoned:
            if self._observe is not None:
                self._service.renderer.identify(request)  # as it would have been for the answer
                self._observe(request, response)
            if isinstance(response, StreamedResponse):
                response.abandon()
            return
        response.close = (
            not request.keep_alive
            or (reader.last and not self._queue and not reader.unparsed and not reader.reading)
            or (response.is_stream and request.version == "1.0")
        )
        self.transport.write(self._service.renderer.render(response, request))
        if self._observe is not None:
            self._observe(request, response)
        if isinstance(response, StreamedResponse):
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
            self._reader.done = True
            self.transport.close()
            return
        if self._queue or self._reader.unparsed or self._reading_paused:
            # Not at once: other connections have their turn first.
            self._loop.call_soon(self._continue)
        else:
            self._idle_since = self._loop.time()
            self._nothing_owed()

    def _continue(self) -> None:
        if self._writing_paused:
            return
        if (self._reader.unparsed or self._reading_paused) and self._reader.resume() and self._reading_paused:
            self._reading_paused = False
            self._reader.restart_clock()
            self.transport.resume_reading()
        self._advance()

    def _nothing_owed(self) -> None:
        reader = self._reader
        if reader.expects and not reader.body_begun:
            reader.expects = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if reader.last and reader.done and not reader.reading:
            self.transport.close()

    def _end_with(self, refusal: Response) -> None:
        self.transport.write(self._service.renderer.render(refusal, None))
        # Closing while the client still sends would reset the connection and lose the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_S, self.transport.abort)


def _descriptor_of(transport: Any) -> int:
    return int(transport.get_extra_info("socket").fileno())


def _peer_of(transport: Any) -> Peer:
    is_secure = transport.get_extra_info("sslcontext") is not None
    name = transport.get_extra_info("peername")
    address, port = name[:2] if isinstance(name, tuple) else ("", 0)
    return Peer(address, port, is_secure)
