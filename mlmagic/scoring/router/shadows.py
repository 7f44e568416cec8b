"""Shadow traffic: versions that get copies of requests. Nobody gets their answers: they are compared."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.http.streaming import StreamedResponse
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.router.choice import Tickets
from mlmagic.scoring.router.version import Version

TOLERANCE = 1e-6
"""Numbers that differ by a smaller part of themselves are the same."""
MOST_IN_FLIGHT = 100
"""A shadow that is slower than the others gets no more copies than this at once; the rest are skipped."""
MOST_BYTES = 32 << 20
"""Of the bodies of such copies: they are not counted in the budget of all bodies."""
KEPT = 20
KEPT_CHARACTERS = 1000
COMPARED_BYTES = 1 << 20
"""Longer answers are the same only if all their bytes are."""
COMPARED_AT_ONCE = 16 << 10
"""Longer ones are compared in another thread: other requests must not wait for that."""
MOST_COMPARISONS = 10
"""How many of them may wait for that thread; the rest are skipped."""


def are_same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same, but for the last digits of numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE * TOLERANCE)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(are_same(one[key], other[key]) for key in one)
    return bool(one == other)


def same_answers(one: Response, other: Response) -> bool:
    """Whether two answers say the same."""
    if one.status != other.status:
        return False
    if one.body == other.body:
        return True
    if max(len(one.body), len(other.body)) > COMPARED_BYTES:
        return False
    try:
        return are_same(orjson.loads(one.body), orjson.loads(other.body))
    except (orjson.JSONDecodeError, RecursionError):
        return False


@dataclass(slots=True)
class Comparison:
    """What came of the copies that a shadow got."""

    same: int = 0
    different: int = 0
    failed: int = 0
    """The shadow answered with 500 or more, or not at all, and the other version did not."""
    skipped: int = 0
    """Copies that were not sent, as too many were on their way, or whose answers were not compared."""
    differences: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The last ones: time, request, version, answer, status, and the shadow's answer and status."""

    def add(self, request: Request, version: str, answer: Response, shadow: Response, *, same: bool) -> None:
        """Note what came of a comparison."""
        if same:
            self.same += 1
            return
        if shadow.status >= 500 > answer.status:
            self.failed += 1
        else:
            self.different += 1
        self.differences.append(
            {
                "time": round(time.time(), 3),
                "request": _shown(request.body or request.target),
                "version": version,
                "status": answer.status,
                "answer": _shown(answer.body),
                "shadow_status": shadow.status,
                "shadow_answer": _shown(shadow.body),
            }
        )

    def counts(self) -> dict[str, int]:
        """The figures alone."""
        return {
            "same": self.same,
            "different": self.different,
            "failed": self.failed,
            "skipped": self.skipped,
        }


class Shadow:
    """One version that gets copies."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.comparison = Comparison()
        self.counters = Counters()
        self._bytes = 0
        """Of the copies on their way."""
        self._comparisons = 0
        """Those that wait for the other thread."""
        self._percent = -1.0
        self._tickets = Tickets({"": 100.0})

    def takes(self) -> bool:
        """Whether it gets a copy of the next request."""
        percent = self.version.route.shadow_percent
        if percent != self._percent:
            self._percent = percent
            self._tickets = Tickets({"copy": percent, "": 100 - percent})
        return percent > 0 and bool(self._tickets.draw())

    def copy(self, request: Request, identity: bytes) -> Callable[[str, Response], None]:
        """Send a copy of a request; returns what to call with the name and the answer of the version."""
        size = len(request.body)
        if self.counters.in_flight >= MOST_IN_FLIGHT or self._bytes + size > MOST_BYTES:
            self.comparison.skipped += 1
            return _nothing
        request = _copy_of(request)
        self._bytes += size
        answers: list[Any] = [None, None]
        began = time.perf_counter()
        self.counters.in_flight += 1

        def compare() -> None:
            if answers[0] and answers[1]:
                version, answer = answers[0]
                self._compare(request, version, answer, answers[1])

        def shadow_answered(response: Response) -> None:
            self._bytes -= size
            self.counters.in_flight -= 1
            self.counters.record(time.perf_counter() - began, response.status)
            if isinstance(response, StreamedResponse):
                response.abandon()
                self.comparison.skipped += 1
                return
            answers[1] = response
            compare()

        def answered(version: str, response: Response) -> None:
            if not response.is_stream:
                answers[0] = (version, response)
                compare()

        self.version.answer(request, identity, shadow_answered, counted=False)
        return answered

    def _compare(self, request: Request, version: str, answer: Response, shadow: Response) -> None:
        if max(len(answer.body), len(shadow.body)) <= COMPARED_AT_ONCE or answer.body == shadow.body:
            self.comparison.add(request, version, answer, shadow, same=same_answers(answer, shadow))
            return
        if self._comparisons >= MOST_COMPARISONS:
            self.comparison.skipped += 1
            return
        self._comparisons += 1

        def compared(done: asyncio.Future[bool]) -> None:
            self._comparisons -= 1
            self.comparison.add(request, version, answer, shadow, same=done.result())

        work = asyncio.get_running_loop().run_in_executor(None, same_answers, answer, shadow)
        work.add_done_callback(compared)


def _copy_of(request: Request) -> Request:
    """One that lives on when the request is over, without its part of the budget of all bodies."""
    copy = Request(request.method, request.target, request.fields, request.body)
    copy.head, copy.peer, copy.arrived = request.head, request.peer, request.arrived
    return copy


def _shown(body: bytes) -> str:
    return body[: KEPT_CHARACTERS * 4].decode(errors="replace")[:KEPT_CHARACTERS]


def _nothing(_version: str, _response: Response) -> None:
    return
