"""A version, as the router sees it: its connections, and what it has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from mlmagic.scoring.http.body_budget import RETRY
from mlmagic.scoring.http.peer import Peer, origin_of
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.request_head import KnownHeads
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.router.routes import Route
from mlmagic.scoring.router.upstream import Broken, ForwardedStream, Upstream

VERSION = "azureml-model-deployment"
"""The header with which a client names a version, and an answer the version that gave it (Azure ML v2's)."""
_VERSION = VERSION.encode()
CONNECT_S = 5.0
HOLD_S = 2.0
"""So long a request waits for a version that cannot be reached."""
RETRY_S = 0.05
SWEEP_S = 1.0
_FORWARDED = frozenset((
    b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
))  # fmt: skip
_DROPPED = _FORWARDED | frozenset((
    b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding",
    b"upgrade", b"expect", b"content-length", b"authorization", b"origin", b"x-request-id", _VERSION,
))  # fmt: skip
"""Headers that are not passed on as they are: those of one connection, and what the router sees to."""
_SENDER = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
Answered = Callable[[Response], None]


class Unavailable(Broken):
    """There is no connection to the version's server."""


class Version:
    """The connections to one version's server. ``answer`` calls back once, whatever happens."""

    def __init__(
        self, route: Route, loop: asyncio.AbstractEventLoop, renew: Callable[[], object] = bool
    ) -> None:
        """``renew`` reads the routes again, if they have changed."""
        self.counters = Counters()
        self._renew = renew
        self._loop = loop
        self._idle: list[Upstream] = []
        self._busy: set[Upstream] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweeping = False
        self._use(route)

    def use(self, route: Route) -> None:
        """Go on with another address, share or credential; its counters stay."""
        if route.url != self.route.url:
            idle, self._idle = self._idle, []
            for each in idle:
                each.transport.close()
        self._use(route)

    def _use(self, route: Route) -> None:
        self.route = route
        address = route.address
        host = f"{address[0]}:{address[1]}" if address else ""
        self._lines = f"Host: {host}\r\n".encode()
        if route.credential:
            self._lines += f"Authorization: Bearer {route.credential}\r\n".encode()
        self.name_line = b"%b: %b\r\n" % (_VERSION, route.name.encode())
        self._known: dict[tuple[bytes, Peer], bytes] = {}
        """What is sent for heads that are known."""

    @property
    def name(self) -> str:
        return self.route.name

    def close(self) -> None:
        """Close the connections that are idle; the others when they have answered."""
        self.use(Route(self.route.name, None, 0.0))

    def answer(self, request: Request, identity: bytes, reply: Answered, *, counted: bool = True) -> None:
        """Have it answer a request, and count that unless it is a copy."""
        if counted:
            self.counters.in_flight += 1
        self.send(Forwarding(self, request, identity, reply, counted=counted))

    def send(self, forwarding: Forwarding) -> None:
        """Send it over a connection that is idle, or a new one."""
        if self.route.url is None:
            self._unavailable(forwarding, "nothing of it runs")
            return
        forwarding.data = self.request_bytes(forwarding.request, forwarding.identity)
        forwarding.deadline = self._loop.time() + self.route.timeout_s
        while self._idle:
            upstream = self._idle.pop()
            if not upstream.transport.is_closing():
                self._busy.add(upstream)
                upstream.send(forwarding)
                break
        else:
            task = self._loop.create_task(self._connect(forwarding))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)

    async def _connect(self, forwarding: Forwarding) -> None:
        url, address = self.route.url, self.route.address
        if url is None or address is None:
            self._unavailable(forwarding, "nothing of it runs")
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                _, upstream = await self._loop.create_connection(lambda: Upstream(self, url), *address)
        except TimeoutError:
            forwarding.answered(Unavailable(f"no connection within {CONNECT_S:g} s"))
        except OSError as error:
            self._unavailable(forwarding, error.strerror or str(error))
        else:
            self._busy.add(upstream)
            upstream.send(forwarding)

    def _unavailable(self, forwarding: Forwarding, why: str) -> None:
        """Try again until `HOLD_S` are over: it may be starting, or at another address in a moment."""
        if self._loop.time() - forwarding.held_since < HOLD_S and not forwarding.request.abandoned:
            self._loop.call_later(RETRY_S, self._again, forwarding)
        else:
            forwarding.answered(Unavailable(why))

    def _again(self, forwarding: Forwarding) -> None:
        self._renew()
        self.send(forwarding)

    def now(self) -> float:
        """The time of the loop."""
        return self._loop.time()

    def release(self, upstream: Upstream) -> None:
        """A connection has answered."""
        self._busy.discard(upstream)
        if self.route.url == upstream.url:
            self._idle.append(upstream)
        else:
            upstream.transport.close()

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone. A request that its server has closed it on unread, as idle, is sent again."""
        self._busy.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)
        exchange = upstream.exchange
        if isinstance(exchange, Forwarding) and upstream.used and upstream.silent and not exchange.tries:
            upstream.exchange = None
            exchange.tries += 1
            self.send(exchange)

    def _sweep(self) -> None:
        now = self._loop.time()
        for upstream in list(self._busy):
            exchange = upstream.exchange
            if isinstance(exchange, Forwarding) and upstream.silent and now >= exchange.deadline:
                upstream.used = False  # it is not sent again
                upstream.break_off()
        self._sweeping = bool(self._busy)
        if self._sweeping:
            self._loop.call_later(SWEEP_S, self._sweep)

    def request_bytes(self, request: Request, identity: bytes) -> bytes:
        """What is sent to its server for a request."""
        key = (request.head, request.peer)
        lines = self._known.get(key)
        if lines is None:
            lines = self._request_lines(request)
            if request.head:
                if len(self._known) >= KnownHeads.LIMIT:
                    self._known.clear()
                self._known[key] = lines
        return b"%bx-request-id: %b\r\n\r\n%b" % (lines, identity, request.body)

    def _request_lines(self, request: Request) -> bytes:
        target = request.target
        if not target.startswith(b"/"):
            target = request.path + (b"?" + target.partition(b"?")[2] if b"?" in target else b"")
        lines = [b"%b: %b\r\n" % field for field in request.fields.items() if field[0] not in _DROPPED]
        return b"%b %b HTTP/1.1\r\n%b%b%bContent-Length: %d\r\n" % (
            request.method,
            target,
            self._lines,
            _sender(request),
            b"".join(lines),
            len(request.body),
        )


class Forwarding:
    """A request on its way to a version; ``reply`` is called once, with whatever comes of it."""

    __slots__ = (
        "_began", "_counted", "_reply", "_version", "data", "deadline", "held_since", "identity", "is_head",
        "request", "tries",
    )  # fmt: skip

    def __init__(
        self, version: Version, request: Request, identity: bytes, reply: Answered, *, counted: bool
    ) -> None:
        self._version, self._reply, self._counted = version, reply, counted
        self._began = request.arrived or perf_counter()
        self.request, self.identity = request, identity
        self.held_since = version.now()
        self.data = b""
        self.is_head = request.method == b"HEAD"
        self.deadline = 0.0
        self.tries = 0

    def answered(self, found: Response | Broken) -> None:
        """The version's server has answered, or has not."""
        response = found if isinstance(found, Response) else self._refusal(found)
        if self._counted:
            counters = self._version.counters
            counters.in_flight -= 1
            response.fields += self._version.name_line
            if isinstance(response, ForwardedStream):
                response.on_end = self._stream_ended(response.status)
            else:
                counters.record(perf_counter() - self._began, response.status)
        self._reply(response)

    def _stream_ended(self, status: int) -> Callable[[bool], None]:
        def ended(failed: bool) -> None:
            self._version.counters.record(perf_counter() - self._began, 500 if failed else status)

        return ended

    def _refusal(self, error: Broken) -> Response:
        version = self._version
        if isinstance(error, Unavailable):
            words = f"Version {version.name!r} is not available: {error}."
            return Response.message(503, words, fields=RETRY)
        if version.now() >= self.deadline:
            words = f"Version {version.name!r} did not answer within {version.route.timeout_s:g} s."
            return Response.message(504, words)
        return Response.message(502, f"Version {version.name!r} did not answer: {error}.")


def _sender(request: Request) -> bytes:
    """Who has sent it, for the version. What a client says of itself counts only if it is a trusted proxy."""
    if _FORWARDED.isdisjoint(request.fields):
        peer, host = request.peer, request.fields.get(b"host", b"")
        secure = b"https" if peer.is_secure else b"http"
        return _SENDER % (peer.address.encode(), secure, host)
    origin = origin_of(request.peer, request.fields)
    return _SENDER % tuple(each.encode("latin-1") for each in (origin.address, origin.scheme, origin.host))
