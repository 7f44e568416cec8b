"""File descriptors: when they run out, idle connections are closed, so that new clients are still served."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from mlmagic.scoring.metrics import Counters

RESERVE = 32
"""Descriptors that are kept for the script, and for connections on their way; a quarter of few."""
LOOK_S = 1.0
"""How often the descriptors of the script are looked after, while there are connections."""
QUIET_S = 60.0
"""After so long without a connection that was closed, the shortage is over."""
FULL = "The service has no file descriptors left: try again, or raise its limit of open files (ulimit -n)."


class Closable(Protocol):
    """A connection."""

    @property
    def idle_since(self) -> float | None:
        """Since when it has been idle; None while it is not."""

    def close_idle(self) -> None:
        """Close it."""


def ceiling(limit: int) -> int:
    """The number of a descriptor from which on they are scarce, if there may be ``limit`` of them."""
    return limit - min(RESERVE, limit // 4)


def longest_idle(connections: Iterable[Closable]) -> Closable | None:
    """The connection that has been idle longest, if one is idle."""
    idle = [(since, id(each), each) for each in connections if (since := each.idle_since) is not None]
    return min(idle)[2] if idle else None


def lowest_free(limit: int) -> int:
    """The number that the next descriptor gets; ``limit`` if there is none left."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return limit
    os.close(number)
    return number


def count_open(limit: int) -> int:
    """How many descriptors this process has; ``limit`` if there is none left to count them with."""
    try:
        return len(os.listdir("/dev/fd")) - 1  # less the one that reads the folder
    except OSError:
        return limit


class Descriptors:
    """Those of this process. The system gives each new one the lowest number that is free."""

    def __init__(
        self,
        connections: Collection[Closable],
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        lowest: Callable[[int], int] = lowest_free,
        count: Callable[[int], int] = count_open,
    ) -> None:
        self._connections = connections
        self._counters = counters
        self._loop = loop
        self._lowest = lowest
        self._count = count
        self._watching = False
        self._short_until = 0.0
        self._most = 0
        """During a shortage, how many connections there may be."""

    @property
    def shortage(self) -> str:
        """What `GET /` says of a shortage; empty while there is none."""
        if self._loop.time() >= self._short_until:
            return ""
        return "file descriptors are running out, so idle connections are closed"

    def has_room(self, number: int) -> bool:
        """Whether a connection with this descriptor may stay; another may be closed for it."""
        if not self._watching:
            self._watching = True
            self._loop.call_later(LOOK_S, self._look)
        limit = _limit()
        # One that is closed leaves a low number to the next connection: so the number alone does not do.
        short, count = self._loop.time() < self._short_until, len(self._connections)
        if number >= ceiling(limit):
            # Others may have gone since this one was accepted: so there is always room for one.
            self._most = max(1, min(count, self._most) if short else count)
        elif not short or count < self._most:
            return True
        return self._close_one(limit)

    def _look(self) -> None:
        """Make room where the script has taken the descriptors: without one, nobody can connect."""
        limit = _limit()
        # Counting takes longer, the more there are.
        if self.shortage or self._lowest(limit) >= ceiling(limit):
            room = ceiling(limit) - self._count(limit)
            self._most = max(1, len(self._connections) + room)
            while room < 0 and self._close_one(limit):
                room += 1
        self._watching = bool(self._connections)
        if self._watching:
            self._loop.call_later(LOOK_S, self._look)

    def _close_one(self, limit: int) -> bool:
        """Close the connection that has been idle longest, if there is one, and report the shortage."""
        idle = longest_idle(self._connections)
        if idle is not None:
            idle.close_idle()
        self._counters.descriptors += 1
        if not self.shortage:
            print(
                f"mlmagic: file descriptors are running out (there are {limit}): the connections that have "
                "been idle longest are closed. Raise the limit of open files with: ulimit -n",
                file=sys.stderr,
                flush=True,
            )
        self._short_until = self._loop.time() + QUIET_S
        return idle is not None


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft if soft > 0 else sys.maxsize
