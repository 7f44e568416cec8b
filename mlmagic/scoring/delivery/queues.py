"""The queues of all kinds of records, as one process delivers them."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.queue import DeliveryQueue, Plan

NEW_KIND = -1
"""In place of a kind: the record is the pickled `Plan` of the next kind."""
Group = tuple[Sequence[int], Sequence[Any]]
"""Kinds, which are numbers from 0, and records, plain values: each is of all these kinds."""


def new_kind(plan: Plan) -> Group:
    """What tells of the next kind of records."""
    return (NEW_KIND,), [pickle.dumps(plan)]


def counts_of(group: Group, plans: Sequence[Plan]) -> Counter[int]:
    """How many records of each kind count as lost, if these are."""
    kinds, records = group
    return Counter({kind: len(records) * plans[kind].records for kind in kinds if kind != NEW_KIND})


class DeliveryQueues:
    """One queue for each kind."""

    def __init__(self, report: Callable[[int, Outcome], None]) -> None:
        """``report`` is called with a kind, and what became of some of its records."""
        self._report = report
        self._queues: list[DeliveryQueue] = []

    def take(self, group: Group) -> None:
        """Queue all its records; returns at once."""
        kinds, records = group
        for kind in kinds:
            if kind == NEW_KIND:
                self._add_queues(records)
            else:
                self._queues[kind].extend(records)

    def _add_queues(self, pickled: Sequence[bytes]) -> None:
        for each in pickled:
            plan: Plan = pickle.loads(each)
            self._queues.append(DeliveryQueue(plan, partial(self._report, len(self._queues))))

    def close(self) -> None:
        """Deliver what is waiting, for a few seconds at most."""
        closing = [threading.Thread(target=queue.close) for queue in self._queues]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
