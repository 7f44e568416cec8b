"""A version, as the router sees it: its connections, and what it has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from mlmagic.scoring.http.body_budget import RETRY
from mlmagic.scoring.http.peer import origin_of
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.request_head import KnownHeads
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.http.server import IDLE_PATIENCE_S
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.router.routes import VERSION, Route
from mlmagic.scoring.router.upstream import Broken, ForwardedStream, Upstream

_VERSION = VERSION.encode()
CONNECT_S = 5.0
HOLD_S = 2.0
"""How long a request waits for a version to which there is no connection."""
RETRY_S = 0.05
NOTHING_RUNS = "nothing of it runs"
SWEEP_S = 1.0
IDLE_S = 0.8 * IDLE_PATIENCE_S
"""A connection that has been idle for so long gets no request any more: a server that drains closes it soon,
and behind a proxy, such as Docker's, nobody can tell whether the request was read."""
_FORWARDED = frozenset((
    b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
))  # fmt: skip
_DROPPED = _FORWARDED | frozenset((
    b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding",
    b"upgrade", b"http2-settings", b"expect", b"content-length", b"authorization", b"proxy-authorization",
    b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-fetch-user",
    b"x-request-id", _VERSION,
))  # fmt: skip
"""Headers that are not passed on as they are: those of one connection, and what the router sees to.

The router has checked which web page calls: the version's server, at another address, would refuse it."""
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
        self._connections: set[Upstream] = set()
        self._idle: list[Upstream] = []
        """Those that can be used; the last one first."""
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
        self._lines = f"Host: {route.host}\r\n".encode()
        self._path = route.path.encode()
        if route.credential:
            self._lines += f"Authorization: Bearer {route.credential}\r\n".encode()
        self.name_line = b"%b: %b\r\n" % (_VERSION, route.name.encode())
        self._known: dict[tuple[bytes, str, bool], bytes] = {}
        """What is sent for heads that are known."""

    @property
    def name(self) -> str:
        return self.route.name

    def close(self) -> None:
        """Close the connections that are idle; the others when they have answered."""
        self.use(Route(self.route.name, None, 0.0))

    def answer(self, request: Request, identity: bytes, reply: Answered, *, counted: bool = True) -> None:
        """Have it answer a request; count that if it is one of its scoring requests."""
        counters = self.counters if counted else None
        if counters is not None:
            counters.in_flight += 1
        self.send(Forwarding(self, request, identity, reply, counters))

    def send(self, forwarding: Forwarding) -> None:
        """Send it over a connection that is idle, or a new one."""
        if self.route.url is None:
            self._unavailable(forwarding, NOTHING_RUNS)
            return
        forwarding.data = self.request_bytes(forwarding.request, forwarding.identity)
        forwarding.deadline = self._loop.time() + self.route.timeout_s
        while self._idle:
            upstream = self._idle.pop()
            if upstream.transport.is_closing():
                continue
            if self._loop.time() - upstream.idle_since < IDLE_S:
                upstream.send(forwarding)
                return
            upstream.transport.close()
        task = self._loop.create_task(self._connect(forwarding))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, forwarding: Forwarding) -> None:
        url, address = self.route.url, self.route.address
        if url is None or address is None:
            self._unavailable(forwarding, NOTHING_RUNS)
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                _, upstream = await self._loop.create_connection(lambda: Upstream(self, url), *address)
        except TimeoutError:
            forwarding.answered(Unavailable(f"no connection within {CONNECT_S:g} s"))
        except (OSError, ValueError) as error:  # ValueError: a host name that is none
            self._unavailable(forwarding, getattr(error, "strerror", None) or str(error))
        else:
            if upstream.transport.is_closing():
                self._unavailable(forwarding, "it closed the connection")
                return
            self._connections.add(upstream)
            upstream.send(forwarding)
            self._watch()

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
        if self.route.url == upstream.url:
            upstream.idle_since = self._loop.time()
            self._idle.append(upstream)
        else:
            upstream.transport.close()

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone."""
        self._connections.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)

    def _watch(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        """Break off what takes too long, or has no client any more; close what was idle for long."""
        now = self._loop.time()
        for upstream in list(self._connections):
            exchange = upstream.exchange
            if exchange is None:
                if now - upstream.idle_since >= IDLE_S:
                    upstream.transport.close()
            elif isinstance(exchange, Forwarding) and not upstream.is_streaming and exchange.is_over(now):
                upstream.break_off()
        self._sweeping = bool(self._connections)
        if self._sweeping:
            self._loop.call_later(SWEEP_S, self._sweep)

    def request_bytes(self, request: Request, identity: bytes) -> bytes:
        """What is sent to its server for a request."""
        peer = request.peer
        key = (request.head, peer.address, peer.is_secure)
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
        dropped = _DROPPED
        if (named := request.fields.get(b"connection")) is not None:
            dropped |= {name.strip().lower() for name in named.split(b",")}
        lines = [b"%b: %b\r\n" % field for field in request.fields.items() if field[0] not in dropped]
        return b"%b %b%b HTTP/1.1\r\n%b%b%bContent-Length: %d\r\n" % (
            request.method,
            self._path,
            target,
            self._lines,
            _sender(request),
            b"".join(lines),
            len(request.body),
        )


class Forwarding:
    """A request on its way to a version; ``reply`` is called once, with whatever comes of it."""

    __slots__ = (
        "_began", "_counters", "_reply", "_version", "data", "deadline", "held_since", "identity", "is_head",
        "request", "tries",
    )  # fmt: skip

    def __init__(
        self,
        version: Version,
        request: Request,
        identity: bytes,
        reply: Answered,
        counters: Counters | None,
    ) -> None:
        self._version, self._reply, self._counters = version, reply, counters
        self._began = request.arrived or perf_counter()
        self.request, self.identity = request, identity
        self.held_since = version.now()
        self.data = b""
        self.is_head = request.method == b"HEAD"
        self.deadline = 0.0
        self.tries = 0

    def is_over(self, now: float) -> bool:
        """Whether its time is over, or nobody waits for its answer any more."""
        return now >= self.deadline or self.request.abandoned

    def unread(self) -> None:
        """The server has closed the connection without having read the request: once more."""
        if self.tries:
            self.answered(Broken("it closed the connection"))
            return
        self.tries += 1
        self.held_since = self._version.now()
        self._version.send(self)

    def answered(self, found: Response | Broken) -> None:
        """The version's server has answered, or has not."""
        response = found if isinstance(found, Response) else self._refusal(found)
        response.fields += self._version.name_line
        counters = self._counters
        if counters is not None:
            counters.in_flight -= 1
            if isinstance(response, ForwardedStream):
                response.on_end = self._stream_ended(counters, response.status)
            elif not (self.request.abandoned and isinstance(found, Broken)):
                counters.record(perf_counter() - self._began, response.status)
        if isinstance(response, ForwardedStream) and self.request.abandoned:
            response.abandon()
        else:
            self._reply(response)

    def _stream_ended(self, counters: Counters, status: int) -> Callable[[bool], None]:
        def ended(failed: bool) -> None:
            counters.record(perf_counter() - self._began, 500 if failed else status)

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
