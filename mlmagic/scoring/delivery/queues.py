"""The queues of all kinds of records, as one process delivers them."""

from __future__ import annotations

import pickle
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.queue import DeliveryQueue, Plan

NEW_KIND = -1
"""In place of a kind: the record is the pickled `Plan` of the next kind."""
Item = tuple[Any, ...]
"""A kind and a record of it, and perhaps further ones: kinds are numbers from 0, records are plain values."""


def new_kind(plan: Plan) -> Item:
    """What tells of the next kind of records."""
    return NEW_KIND, pickle.dumps(plan)


def counts_of(items: Sequence[Item], plans: Sequence[Plan]) -> Counter[int]:
    """How many records of each kind count as lost, if these items are."""
    lost = Counter[int]()
    for kinds, count in Counter([item[::2] for item in items]).items():
        for kind in kinds:
            if kind != NEW_KIND:
                lost[kind] += count * plans[kind].records
    return lost


class DeliveryQueues:
    """One queue for each kind."""

    def __init__(self, report: Callable[[int, Outcome], None]) -> None:
        """``report`` is called with a kind, and what became of some of its records."""
        self._report = report
        self._queues: list[DeliveryQueue] = []

    def take(self, items: Sequence[Item]) -> None:
        """Queue all records; returns at once."""
        queues = self._queues
        found: defaultdict[int, list[Any]] = defaultdict(list)
        for item in items:
            for at in range(0, len(item), 2):
                found[item[at]].append(item[at + 1])
        for pickled in found.pop(NEW_KIND, ()):
            plan: Plan = pickle.loads(pickled)
            queues.append(DeliveryQueue(plan, partial(self._report, len(queues))))
        for kind, records in found.items():
            queues[kind].extend(records)

    def close(self) -> None:
        """Deliver what is waiting, for a few seconds at most."""
        closing = [threading.Thread(target=queue.close) for queue in self._queues]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
