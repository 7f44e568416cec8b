"""Has records delivered by a process beside this one: that takes no time from the interpreter that answers.

The process is started with the first record. Where none can be started, this one delivers them.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.queue import Plan
from mlmagic.scoring.delivery.queues import Group, counts_of, new_kind

if TYPE_CHECKING:
    from mlmagic.scoring.delivery.link import Link

RESTART_SECONDS = 1.0
"""After the end of a process, before another is started: one that cannot start must not take all the time."""

Report = Callable[[Outcome], None]


class DeliveryProcess:
    """The kinds of records that a server has delivered, and the process that does it."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """``loop`` is that of the server."""
        self._loop = loop
        self._plans: list[Plan] = []
        self._reports: list[Report] = []
        self._link_type: type[Link] | None = None
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self._groups: list[Group] = []
        self._is_closed = False
        self._flushing = threading.Lock()
        self._link: Link | None = None
        self._pause_s = 0.0

    def register(self, plan: Plan, report: Report) -> int:
        """Another kind of records; returns its number. ``report`` is called from any thread."""
        from mlmagic.scoring.delivery.link import Link  # now, and not beside the first requests

        self._link_type = Link
        self._plans.append(plan)
        self._reports.append(report)
        if self._link is not None:
            self.add(*new_kind(plan))
        return len(self._plans) - 1

    def add(self, kinds: Sequence[int], records: Sequence[Any]) -> None:
        """Take records of these kinds, from any thread, and send them as far as the process takes them."""
        self._groups.append((kinds, records))
        self._flush()

    def _flush(self) -> None:
        """Send what was added, as far as the process takes it."""
        # Never waits: what is printed while an object is deleted may come here from the thread that sends.
        # That one looks again afterwards.
        while self._has_work and self._flushing.acquire(blocking=False):
            try:
                self._send()
            finally:
                self._flushing.release()

    @property
    def _has_work(self) -> bool:
        return bool(self._groups) or (self._link is not None and self._link.has_work)

    def _send(self) -> None:
        groups = self._groups[:]
        del self._groups[: len(groups)]
        if self._is_closed:
            return
        try:
            if self._link is None:
                assert self._link_type is not None  # there are no records without a kind
                self._link = self._link_type(
                    self._plans, self._report, self._flush, self._loop, self._pause_s
                )
            for group in groups:
                self._link.send(group)
            self._link.work()
        except RuntimeError as error:  # there can be no more threads: that is no reason to answer no request
            for group in groups:
                for kind, count in counts_of(group, self._plans).items():
                    self._report(kind, Outcome(dropped=count, reason=str(error)))
            return
        if self._link.has_ended:
            link, self._link = self._link, None
            self._pause_s = RESTART_SECONDS
            link.lose()

    def _report(self, kind: int, outcome: Outcome) -> None:
        self._reports[kind](outcome)

    def close(self) -> None:
        """Have delivered what is waiting, for a few seconds at most; takes nothing afterwards."""
        self._flush()
        with self._flushing:
            self._is_closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _leave_to_parent(self) -> None:
        """In a process that was forked from this one, whose loop, records and process are the parent's."""
        if self._link is not None:
            self._link.leave_to_parent()
        self._loop = None
        self._reset()


_all: weakref.WeakSet[DeliveryProcess] = weakref.WeakSet()


def _leave_all() -> None:
    for each in _all:
        each._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
