"""Which step is next for a service: pure functions of its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from enum import Enum, auto
from typing import Any

from mlmagic.core.webservice import Desired, Retiring, State, Webservice


class Step(Enum):
    """One thing to do for a service."""

    DELETE = auto()
    """End every revision and delete the record."""
    STOP = auto()
    """End every revision and keep the record."""
    DISCARD = auto()
    """Cancel a candidate that is no longer wanted."""
    RETIRE = auto()
    """End and delete revisions that were replaced."""
    LAUNCH = auto()
    """Launch the wanted revision beside the one that serves."""
    WATCH_CANDIDATE = auto()
    """Probe the candidate."""
    WATCH_SERVING = auto()
    """Probe the revision that serves; restart it if it has ended."""
    REST = auto()
    """Nothing, until the owner wants something else."""


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
    """By revision, of those whose ``numbers`` are kept, its target's handle; None if it never ran.

    The record's own handle is of what serves; where nothing does, of what served or failed last.
    """
    handles: dict[int, Mapping[str, Any] | None] = dict.fromkeys(numbers)
    handles |= {old.revision: old.handle for old in service.retiring}
    known = {old.revision for old in service.retiring} | {service.candidate}
    last = min((number for number in handles if number not in known), default=None)
    of = service.serving if service.serving is not None else last
    if of is not None:
        handles[of] = service.handle
    if service.candidate is not None:
        handles[service.candidate] = service.candidate_handle
    return handles


def superseded(service: Webservice, numbers: Iterable[int]) -> dict[str, Any]:
    """The columns that change when another revision is wanted than the one that is under way.

    A revision whose launch is not recorded yet may run all the same: it is retired, and `RETIRE` looks for
    it. A candidate is retired by `DISCARD`. ``numbers`` are those of the revisions that are kept.
    """
    known = {service.serving, service.candidate, *(old.revision for old in service.retiring)}
    if not service.is_under_way or service.revision in known:
        return {}
    handle = handles_of(service, numbers)[service.revision]
    retiring = [*service.retiring, Retiring(service.revision, handle)]
    changes: dict[str, Any] = {"retiring": [asdict(old) for old in retiring]}
    return changes if handle is None else {**changes, "handle": None}


def restart_delay(restarts: int) -> float:
    """Seconds to wait before the n-th restart of a service: none at first, then ever more."""
    return 0.0 if restarts <= 1 else min(0.5 * 2.0 ** min(restarts - 2, 30), LONGEST_RESTART_DELAY)


LONGEST_RESTART_DELAY = 60.0
"""A service that was Healthy once is never given up: what it misses may come back at any time."""
STEADY_SECONDS = 60.0
"""After so many seconds of health, earlier restarts no longer count."""
