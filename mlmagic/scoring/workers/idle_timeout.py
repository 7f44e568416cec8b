"""Scale to zero: when the workers of a service end for want of requests, and what wakes them.

While a service is idle, a connection waits for a worker. A health probe, ``GET /``, is answered without one.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial

from mlmagic.scoring.workers.balancing import is_probe

_PEEK_BYTES = 64
_HEALTHY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 7\r\n"
    b"Connection: close\r\n\r\n"
)
_BODY = b"Healthy"


class IdleTimeout:
    """Whether a service is idle."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        idle_s: float,
        wake: Callable[[socket.socket], None],
        *,
        tls: bool,
    ) -> None:
        """``wake`` is called with a connection that needs a worker, once the service is not idle any more."""
        self.idle_s = idle_s
        self.asleep = False
        self._selector, self._wake, self._tls = selector, wake, tls
        self._activity = (0, 0)
        self._active = time.monotonic()
        self._peeked: set[socket.socket] = set()

    @property
    def look_s(self) -> float:
        """How often to look, in seconds."""
        return min(1.0, self.idle_s / 4)

    def becomes_idle(self, activity: tuple[int, int]) -> bool:
        """Whether the service is to sleep from now on.

        ``activity``: how many scoring requests were answered so far, and how many are in progress.
        """
        now = time.monotonic()
        if self.asleep:
            return False
        if activity != self._activity or activity[1]:
            self._activity, self._active = activity, now
        if now - self._active < self.idle_s:
            return False
        self.asleep = True
        return True

    def note_use(self) -> None:
        """The service is in use now."""
        self._active = time.monotonic()

    def take(self, connection: socket.socket) -> None:
        """A connection came while there is no worker."""
        connection.setblocking(False)
        if self._tls or not self.asleep:
            self._rouse(connection)
            return
        self._peeked.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, partial(self._peek, connection))
        self._peek(connection)

    @property
    def held(self) -> list[socket.socket]:
        """The connections that have sent nothing yet."""
        return list(self._peeked)

    def _peek(self, connection: socket.socket) -> None:
        try:
            head = connection.recv(_PEEK_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            head = b""
        probe = is_probe(head) if head else True
        if probe is None:
            return
        self._release(connection)
        if probe:
            with contextlib.suppress(OSError):
                words = connection.recv(1 << 16)  # what is not read would reset the connection
                if words:
                    connection.send(_HEALTHY + (b"" if words.startswith(b"HEAD") else _BODY))
            connection.close()
        else:
            self._rouse(connection)

    def _release(self, connection: socket.socket) -> None:
        self._peeked.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)

    def _rouse(self, connection: socket.socket) -> None:
        """Start to work again; what has sent nothing yet goes to a worker, too."""
        if self.asleep:
            self.asleep = False
            self.note_use()
            for other in self.held:
                self._release(other)
                self._wake(other)
        self._wake(connection)
