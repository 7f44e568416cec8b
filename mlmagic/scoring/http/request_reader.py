"""The reading half of a connection: bytes to requests, in order, within bounds.

    receive -> parser callbacks -> `queue`: requests, and at most one final refusal

What cannot be read safely is refused in its turn, after the requests before it, and nothing after it is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import httptools

from mlmagic.scoring.http import request_head
from mlmagic.scoring.http.body_budget import BUDGET, RETRY, HeldBytes
from mlmagic.scoring.http.path_prefix import without_prefix
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.request_head import (
    FIELD_LIMIT,
    HEAD_LIMIT,
    NAMES,
    KnownHeads,
    Refusal,
    check_head,
)
from mlmagic.scoring.http.request_line import begins_as_http, names_others, parts, unfinished_line
from mlmagic.scoring.http.response import Response, unauthorized

QUEUE_LIMIT = 64
PIPELINE_BYTES = 64 * 1024
"""Of the bodies that arrive while a request is answered."""
SLICE = 32 * 1024
"""A read is parsed in pieces, so that a flood of pipelined requests cannot fill the queue at once."""

TIMEOUT_S = 60.0
"""For the head of a request; for its body, this and a second for each `SLOWEST` bytes of it."""
SLOWEST = 16 * 1024


class Gate(Protocol):
    """What the reader needs of the service."""

    heads: KnownHeads
    prefix: bytes
    """The path under which a proxy sends requests; empty without one."""

    def check_caller(self, method: bytes, target: bytes, fields: dict[bytes, bytes]) -> None:
        """Raises `Refusal` for a host or a web page that may not call the service."""

    def admits(self, target: bytes, fields: dict[bytes, bytes]) -> bool:
        """Whether a request with this head may be answered."""


class RequestReader:
    """Reads what one client sends."""

    def __init__(self, gate: Gate, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._clock = clock
        self._parser: Any = httptools.HttpRequestParser(self)
        self.queue: deque[Request | Response] = deque()
        self.unparsed = b""
        self.done = False
        """No further byte is parsed: a refusal or a last request is in the queue, or was answered."""
        self.last = False
        """The connection ends with what is in the queue."""
        self.ended = False
        """The client has sent its last byte."""
        self.reading = False
        """A request has begun to arrive and is not complete."""
        self.expects = False
        """The client waits for a 100 before it sends the body."""
        self._pieces: list[bytes] = []
        self._held: HeldBytes | None = None
        """What they take of the budget, once that is counted."""
        self._arrived = self._added = 0
        """Bytes of reads since it began; and fields that are not in `_fields` by themselves."""
        self._begun = 0
        """Requests that have begun in what was last fed."""
        self._target = b""
        self._unfinished_line = b""
        """The end of a first line that has not ended yet."""
        self._forget_message()

    # ---- for the connection ---------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether reading is to pause."""
        return bool(self.unparsed) or len(self.queue) >= QUEUE_LIMIT

    @property
    def waiting(self) -> int:
        """Bytes of bodies that are not the service's yet."""
        arriving = self._body_size if self.reading else 0
        return arriving + sum(len(item.body) for item in self.queue)

    def restart_clock(self) -> None:
        """The request that is arriving was not read for a while: its time begins anew."""
        if self.reading:
            self._started = self._clock()

    @property
    def deadline(self) -> float:
        """When the request that is arriving must be complete."""
        return self._started + TIMEOUT_S + self._body_size / SLOWEST

    @property
    def body_begun(self) -> bool:
        """Whether some of the body of the request that is arriving is there."""
        return bool(self._pieces)

    def receive(self, data: bytes) -> None:
        """Read what has arrived. A request that is whole and alone may be known by its head."""
        if self.unparsed:
            self.unparsed += data
            return
        alone = not self.reading and not self.queue and len(data) <= SLICE
        heads = self._gate.heads
        if alone and (request := heads.request(data)) is not None:
            request.arrived = perf_counter()
            request.admitted = self._gate.admits(request.target, request.fields)
            if request.admitted:
                self.queue.append(request)
                return
        if alone and begins_as_http(data):
            self._feed_alone(data)
        else:
            self._parse(data)
        if alone and len(self.queue) == 1 and not self.reading and isinstance(self.queue[0], Request):
            heads.learn(data, self.queue[0])

    def resume(self) -> bool:
        """Read on, if the queue has room again; False while it has not."""
        if len(self.queue) > QUEUE_LIMIT // 2:
            return False
        if self.unparsed:
            data, self.unparsed = self.unparsed, b""
            self._parse(data)
            if self.ended and not self.unparsed:
                self.stop()
        return not self.unparsed and len(self.queue) <= QUEUE_LIMIT // 2

    def end(self) -> None:
        """The client sends no more."""
        self.ended = self.last = True
        if not self.unparsed:
            self.stop()

    def stop(self) -> None:
        """Read nothing more."""
        self.done = True
        self.reading = self.expects = False
        self._pieces, self._held = [], None

    def abandon(self) -> None:
        """Forget what was read: the connection is lost."""
        self.done = True
        self.queue.clear()
        self.unparsed = b""
        self._pieces, self._held = [], None

    def refuse(self, refusal: Refusal) -> None:
        """Answer with ``refusal`` after all requests before it, and read nothing more."""
        self._end_after(Response.message(refusal.status, str(refusal), fields=refusal.fields))

    def _end_after(self, refusal: Response) -> None:
        refusal.close = True
        self.last = True
        self.stop()
        self.queue.append(refusal)

    # ---- parsing --------------------------------------------------------------------------------

    def _parse(self, data: bytes) -> None:
        """Feed the parser until the data ends, the queue is full or nothing more may be read."""
        if len(data) <= SLICE:
            self._feed(data)
            return
        for start in range(0, len(data), SLICE):
            if self.done:
                return
            if len(self.queue) >= QUEUE_LIMIT:
                self.unparsed = data[start:]
                break
            self._feed(data[start : start + SLICE])

    def _feed_alone(self, data: bytes) -> None:
        """``data`` begins with a request of HTTP, and most often is no more than that."""
        last, self._begun = self.last, 0
        self._feed_part(data)
        if self._begun > 1 and (names_others(data) or (self.reading and not self._head_done)):
            # More requests are in it, perhaps of another protocol: once more, line by line.
            self._parser = httptools.HttpRequestParser(self)
            self.queue.clear()
            self.stop()
            self._forget_message()
            self.done, self.last = False, last
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        if self._is_within_body(len(data)):
            self._feed_part(data)
            return
        for part in parts(data, self._unfinished_line):
            self._begun = 0
            self._feed_part(part)
            if self.done:
                return
            if (self._begun or self._unfinished_line) and self.reading and not self._head_done:
                try:
                    self._unfinished_line = unfinished_line(self._unfinished_line, part)
                except Refusal as refusal:
                    self.refuse(refusal)
                    return

    def _is_within_body(self, size: int) -> bool:
        """Whether so many bytes are all of the body that is arriving, as its length shows."""
        if not (self.reading and self._head_done):
            return False
        return size <= int(self._fields.get(b"content-length", 0)) - self._body_size

    def _feed_part(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as stop:
                self._ignore_upgrade()
                data = data[stop.args[0] :]
                if data and not self.done:
                    continue
            except httptools.HttpParserError as error:
                if not self.done:
                    self.refuse(_refusal(error))
            break
        if self.reading:
            self._arrived += len(data)
            # The parser shows no line before its end; and of a body, nothing that is not in it.
            if not self._head_done and self._arrived > HEAD_LIMIT + SLICE:
                self.refuse(Refusal(431, request_head.TOO_LONG))
            elif self._arrived > 2 * HEAD_LIMIT + 3 * self._body_size:
                self.refuse(Refusal(400, "The chunks of the body are mostly overhead."))

    def _ignore_upgrade(self) -> None:
        """What follows is no other protocol, as the parser thinks, but the body, or a new request."""
        self._parser = httptools.HttpRequestParser(self)
        request = self.queue[-1]
        if isinstance(request, Request) and (plain := request_head.without_upgrade(request)):
            self.queue.pop()
            self.done = False
            self._parser.feed_data(plain)

    # ---- parser callbacks -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.done:
            raise Refusal(400, "Nothing may follow the last request.")
        self._forget_message()
        self._begun += 1
        self.reading = True
        self._started = self._clock()

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes | None) -> None:
        if value is None:
            value = b""
        name = NAMES.get(name) or request_head.field_name(name)
        fields = self._fields
        if name in fields or self._head_done:
            self._add(name, value)
        else:
            fields[name] = value

    def _add(self, name: bytes, value: bytes) -> None:
        """A field that has come already, or that comes after the body."""
        self._added += 1
        if self._added > FIELD_LIMIT:
            raise Refusal(431, request_head.TOO_MANY)
        if self._head_done:
            request_head.check_trailer(name)
        else:
            self._fields[name] = request_head.joined(name, self._fields[name], value)

    def on_headers_complete(self) -> None:
        self._head_done = True
        parser, target, fields = self._parser, self._target, self._fields
        if len(fields) + self._added > FIELD_LIMIT:
            raise Refusal(431, request_head.TOO_MANY)
        if self._arrived > HEAD_LIMIT - SLICE:
            request_head.check_size(target, fields)
        method = self._method = parser.get_method()
        version = self._version = parser.get_http_version()
        self.expects = check_head(method, target, version, fields)
        if self._gate.prefix:
            target = without_prefix(target, self._gate.prefix)
            self._target = target
        self._gate.check_caller(method, target, fields)
        self._admitted = self._gate.admits(target, fields)
        if self.expects and not self._admitted:
            self._end_after(unauthorized())  # it need not send its body
            raise Refusal(401, "")
        if b"content-length" in fields and (size := int(fields[b"content-length"])) > BUDGET.small:
            self._check_room(size)

    def on_body(self, piece: bytes) -> None:
        self._body_size += len(piece)
        if self._body_size > BUDGET.small:
            self._hold(len(piece))
        if self._admitted:
            self._pieces.append(piece)

    def _check_room(self, size: int) -> None:
        if self._admitted and not BUDGET.has_room(size):
            raise Refusal(503, BUDGET.exhausted(), fields=RETRY)

    def _hold(self, size: int) -> None:
        """Count ``size`` more bytes of a body that is not small."""
        if self._body_size > BUDGET.each:
            raise Refusal(413, BUDGET.too_large("body"))
        if not self._admitted:
            return
        if self._held is None:
            self._held, size = HeldBytes(BUDGET), self._body_size
        if not self._held.add(size):
            raise Refusal(503, BUDGET.exhausted(), fields=RETRY)

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
        self.reading = self.expects = False
        self._pieces = []
        if self._held is not None:
            request.held, self._held = self._held, None
        self.queue.append(request)
        if not request.keep_alive:
            self.done = self.last = True

    def _forget_message(self) -> None:
        self._method = self._target = b""
        self._version = "1.1"
        self._fields: dict[bytes, bytes] = {}
        self._pieces, self._held = [], None
        self._added = self._body_size = self._arrived = 0
        self._head_done = self.expects = False
        self._admitted = False
        self._started = 0.0


def _refusal(error: httptools.HttpParserError) -> Refusal:
    """Ours, which the parser has caught, or its own."""
    cause = error.__context__
    return (
        cause if isinstance(cause, Refusal) else Refusal(400, f"The request is not valid HTTP/1.1: {error}.")
    )
