"""The memory that bodies of requests may take: each by itself, and all of this process together.

`BUDGET` is that of this process. What arrives is counted as it arrives, and what a body decodes to as it is
decoded. A request holds its bytes until it is forgotten, so the count is of what is in memory.
"""

from __future__ import annotations

import threading
from collections import deque

from mlmagic.scoring.limits import BODIES, BODY, Limits

SMALL = 64 * 1024
"""Bodies of this size are not counted: a connection has few of them at a time."""
EXPANSION = 10
"""The values of a body may take this many times the memory of the largest body: a list of JSON takes 88 bytes
for the four of ``[0],``."""
RETRY = b"Retry-After: 1\r\n"


class BodyBudget:
    """A limit for each body and one for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used = 0
        self._returned: deque[int] = deque()
        """Bytes that were given back, and are not subtracted yet."""
        self.set(Limits())

    def set(self, limits: Limits) -> None:
        """Use these limits from now on."""
        self.each, self.total = limits.body_bytes, max(limits.bodies_bytes, limits.body_bytes)
        self.small = min(SMALL, self.each)

    @property
    def values(self) -> int:
        """The memory that the values of one body may take."""
        return EXPANSION * self.each

    @property
    def used(self) -> int:
        """The bytes that are held."""
        with self._lock:
            return self._count()

    def has_room(self, size: int) -> bool:
        """Whether a body of ``size`` bytes could be held now."""
        return self.used + size <= self.total

    def too_large(self, what: str, size: int | None = None) -> str:
        """Why ``what``, such as "body", is refused; ``size`` is None if it is only known to be too large."""
        known = "" if size is None else f" of {size} bytes"
        return f"The {what}{known} exceeds the limit of {self.each} bytes. {_raise_it(BODY)}"

    def too_many_values(self, what: str, size: int) -> str:
        """Why a body is refused whose values, ``what``, would take ``size`` bytes."""
        return f"{what} would take {size} bytes of memory, of at most {self.values}. {_raise_it(BODY)}"

    def exhausted(self) -> str:
        """Why a body is refused that would fit at another time."""
        return (
            f"The bodies of all requests in progress would exceed the limit of {self.total} bytes: "
            f"try again. {_raise_it(BODIES)}"
        )

    def _take(self, size: int) -> bool:
        with self._lock:
            if self._count() + size > self.total:
                return False
            self._used += size
        return True

    def _count(self) -> int:
        while self._returned:
            self._used -= self._returned.popleft()
        return self._used


class HeldBytes:
    """Bytes of a budget, given back when this is forgotten."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._size = 0

    def add(self, size: int) -> bool:
        """Hold ``size`` bytes more; False if the budget does not have them."""
        if not self._budget._take(size):
            return False
        self._size += size
        return True

    def __del__(self) -> None:
        # Never a lock: the garbage collector may call this while the lock is held.
        self._budget._returned.append(self._size)


def _raise_it(variable: str) -> str:
    return f"The environment variable {variable} of the service raises it."


BUDGET = BodyBudget()
