"""A queue of records of one kind, and the thread that has them delivered, with several attempts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlmagic.scoring.delivery.batch_thread import BatchThread
from mlmagic.scoring.delivery.delivery import Delivery, Outcome, attempts


def one(record: Any) -> int:
    """The weight of a record where each has the same."""
    return 1


@dataclass(frozen=True)
class Plan:
    """How the records of one kind are delivered. Picklable if that is done in another process."""

    name: str
    """That of the thread."""
    make: Callable[[], Delivery]
    """Called where the records are delivered, with the first of them."""
    most_waiting: int
    """The sum of the weights of the records that wait at most; more are dropped."""
    most_at_once: int
    delay_s: float
    """How long a record waits for others to be delivered with."""
    pauses: tuple[float, ...]
    """Seconds between the attempts."""
    close_s: float
    """How long the end waits for what is still to be delivered."""
    full: str
    """Why a record is dropped when the queue is full."""
    ended: str
    """Why a record is dropped that the end has not waited for."""
    weigh: Callable[[Any], int] = one
    records: int = 1
    """As how many each counts in an `Outcome`."""


class DeliveryQueue:
    """Delivers records in this process: whoever adds one waits for nothing."""

    def __init__(
        self,
        plan: Plan,
        report: Callable[[Outcome], None],
        count: Callable[[Any], int] | None = None,
        finish: Callable[[], object] = bool,
    ) -> None:
        """``report`` is called with what became of records, and after each round; never by `add`.

        ``count`` is for records of which not each counts as many; ``finish`` is called after the last attempt
        with each batch.
        """
        self._plan, self._report, self._finish = plan, report, finish
        self._count = count or (lambda record: plan.records)
        self._refusing, self._refused = threading.Lock(), 0
        self._thread = BatchThread(
            plan.name,
            self._deliver,
            most_waiting=plan.most_waiting,
            most_at_once=plan.most_at_once,
            delay_s=plan.delay_s,
        )

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        if not self._thread.add(record, self._plan.weigh(record)):
            with self._refusing:
                self._refused += self._count(record)

    def extend(self, records: Sequence[Any]) -> None:
        """Take several."""
        if not self._thread.extend(records, [*map(self._plan.weigh, records)]):
            for record in records:
                self.add(record)

    def close(self) -> None:
        """Deliver what is waiting, for a few seconds at most."""
        if left := self._thread.close(self._plan.close_s):
            self._report(Outcome(dropped=sum(map(self._count, left)), reason=self._plan.ended))
        elif "_delivery" in self.__dict__:
            self._delivery.close()
        self._report_round()

    @cached_property
    def _delivery(self) -> Delivery:
        return self._plan.make()

    def _deliver(self, records: Sequence[Any]) -> None:
        if not records:
            self._report_round()
            return
        plan = self._plan
        for outcome in attempts(self._delivery, records, plan.pauses, self._thread.may_retry_after):
            self._report(outcome)
        self._finish()

    def _report_round(self) -> None:
        with self._refusing:
            refused, self._refused = self._refused, 0
        self._report(Outcome(dropped=refused, reason=self._plan.full) if refused else Outcome())
