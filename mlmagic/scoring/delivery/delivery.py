"""What delivers records: in this process, or in one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol


class Outcome(NamedTuple):
    """What became of records; each is counted once."""

    delivered: int = 0
    failed: int = 0
    """Kept for another attempt."""
    dropped: int = 0
    """Another attempt would fail in the same way."""
    reason: str = ""
    """Why not all were delivered."""


class Delivery(Protocol):
    """Delivers records, one call after another. No method raises."""

    def deliver(self, records: Sequence[Any]) -> Outcome:
        """Deliver these records, and forget those of an earlier call that have failed."""

    def again(self) -> Outcome:
        """Make another attempt with those that have failed."""

    def close(self) -> None:
        """There will be no other call."""


def attempts(
    delivery: Delivery,
    records: Sequence[Any],
    pauses: Sequence[float],
    may_retry_after: Callable[[float], bool],
) -> Iterator[Outcome]:
    """Deliver records, with an attempt after each of ``pauses`` seconds for those that have failed.

    What has still failed at the last one is dropped. ``may_retry_after`` waits, and says whether to go on.
    """
    outcome = delivery.deliver(records)
    for pause in pauses:
        if not outcome.failed:
            break
        yield outcome
        if not may_retry_after(pause):
            outcome = Outcome(failed=outcome.failed, reason=outcome.reason)
            break
        outcome = delivery.again()
    yield outcome._replace(failed=0, dropped=outcome.dropped + outcome.failed)
