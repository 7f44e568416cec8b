"""Attempts to deliver records: each record is counted once, as delivered or as dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlmagic.scoring.delivery.delivery import Outcome, attempts

ALL, NONE = Outcome(3), Outcome(failed=3, reason="away")
SOME, REST = Outcome(1, 1, 1, "away"), Outcome(1)


class Scripted:
    """A delivery with these outcomes, one after the other."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._outcomes = iter(outcomes)

    def deliver(self, records: Sequence[Any]) -> Outcome:
        return next(self._outcomes)

    def again(self) -> Outcome:
        return next(self._outcomes)

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("outcomes", "goes_on", "delivered", "dropped"),
    [
        ([ALL], True, 3, 0),
        ([NONE, ALL], True, 3, 0),
        ([NONE, NONE, NONE], True, 0, 3),
        ([SOME, REST], True, 2, 1),
        ([SOME], False, 1, 2),
        ([NONE], False, 0, 3),
    ],
)
def test_each_record_is_counted_once(
    outcomes: Sequence[Outcome], goes_on: bool, delivered: int, dropped: int
) -> None:
    found = [*attempts(Scripted(outcomes), [1, 2, 3], (0.1, 0.2), lambda pause: goes_on)]
    assert sum(each.delivered for each in found) == delivered
    assert sum(each.dropped for each in found) == dropped
    assert len(found) == (len(outcomes) if goes_on else 2)
