"""What a supervisor does next for a service: one pure function over its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any

from mlmagic.core.webservice import Desired, State, Webservice


class Step(Enum):
    """One thing to do."""

    DELETE = auto()
    """End everything of it and forget it."""
    STOP = auto()
    """End everything of it and keep its record."""
    DISCARD = auto()
    """Give up a candidate that is no longer wanted."""
    RETIRE = auto()
    """End and forget revisions that were replaced."""
    LAUNCH = auto()
    """Bring the wanted revision up beside what serves."""
    WATCH_CANDIDATE = auto()
    """See whether the candidate answers."""
    WATCH_SERVING = auto()
    """See whether what serves still does; bring it back if not."""
    REST = auto()
    """Nothing, until somebody wants something else."""


def next_step(service: Webservice) -> Step:
    """The next thing to do, the most urgent first."""
    if service.desired is Desired.DELETED:
        return Step.DELETE
    if service.desired is Desired.STOPPED:
        return Step.REST if service.state is State.STOPPED else Step.STOP
    if service.candidate is not None and service.candidate != service.revision:
        return Step.DISCARD
    if service.retiring:
        return Step.RETIRE
    if service.candidate is not None:
        return Step.WATCH_CANDIDATE
    if service.serving == service.revision:
        return Step.REST if service.state is State.FAILED else Step.WATCH_SERVING
    return Step.REST if service.state is State.FAILED else Step.LAUNCH


def handles_of(service: Webservice, numbers: Iterable[int]) -> dict[int, Mapping[str, Any] | None]:
    """By revision, of those whose ``numbers`` are kept, what its target knows it by; None if it never ran.

    The record's own handle is of what serves; where nothing does, of what served or failed last.
    """
    handles: dict[int, Mapping[str, Any] | None] = dict.fromkeys(numbers)
    handles |= {old.revision: old.handle for old in service.retiring}
    told = {old.revision for old in service.retiring} | {service.candidate}
    last = min((number for number in handles if number not in told), default=None)
    of = service.serving if service.serving is not None else last
    if of is not None:
        handles[of] = service.handle
    if service.candidate is not None:
        handles[service.candidate] = service.candidate_handle
    return handles


def restart_delay(restarts: int) -> float:
    """Seconds to wait before bringing a service back for the n-th time: at once, then ever longer."""
    return 0.0 if restarts <= 1 else min(0.5 * 2.0 ** (restarts - 2), 30.0)


RESTARTS_BEFORE_FAILED = 5
"""A service that ends this often without a minute of health between is not brought back again."""
STEADY_SECONDS = 60.0
"""After this long in health, earlier ends are forgiven."""
