"""What a reconciliation step decides: pure functions from a record and an observation to what is written.

A `Decision` is the whole outcome of a step: the columns that change, the event, and when to look again.
Nothing here calls a target, a service or the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum, auto
from typing import Any

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase, Retiring, Revision, State, Webservice, next_state
from mlmagic.engine.services.reconcile import pace
from mlmagic.engine.services.reconcile.planner import restart_delay

PORT_TAKEN = "PortTaken"
"""The type of the error of a server, or of a target, whose port another program uses."""

Handles = Mapping[int, Mapping[str, Any] | None]
"""By revision, the target's handle of it; None if it never ran."""


class News(Enum):
    """Who else learns of a decision, in the same transaction."""

    NOBODY = auto()
    DEPLOYED = auto()
    """Subscribers and followers: the wanted revision answers."""
    FAILED = auto()
    """Followers: the wanted revision failed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is written after a step."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """Columns of the service's row."""
    kind: EventKind | None = None
    message: str = ""
    data: Mapping[str, Any] | None = None
    news: News = News.NOBODY
    news_text: str = ""
    delay: float = pace.AT_ONCE
    """Seconds until the next step."""
    restart_after: float | None = None
    """Seconds until what ended is launched again; None if it is not."""


def launched(service: Webservice, handle: Mapping[str, Any], notes: Sequence[str]) -> Decision:
    """The wanted revision was launched beside what serves."""
    return Decision(
        {"candidate": service.revision, "candidate_handle": handle, "words": "starting"},
        EventKind.LAUNCHED,
        f"launched revision {service.revision}",
        {"notes": list(notes)},
    )


def candidate_observed(
    service: Webservice, seen: Observation, answering: bool | None, handles: Handles, target: str
) -> Decision:
    """The candidate was looked at and has not ended: it serves from now on, or needs more time.

    ``handles`` are those of every revision that is kept; ``target`` is the candidate's own.
    """
    state = next_state(State.TRANSITIONING, seen, answering)
    if state is State.HEALTHY:
        return _promoted(service, seen, handles, target)
    if state is service.state and seen.words == service.words:
        return Decision(delay=pace.WHILE_STARTING)
    return Decision(
        {"state": state.value, "words": seen.words},
        EventKind.STATE_CHANGED if state is not service.state else None,
        f"{state}: {seen.words}",
        delay=pace.WHILE_STARTING,
    )


def _promoted(service: Webservice, seen: Observation, handles: Handles, target: str) -> Decision:
    """The candidate answers: it serves from now on, and what served before is retired.

    The service is Healthy only when the old revision has ended: until then the old one may still answer a
    caller, as both listen at the same address.
    """
    retiring = _others(service, handles)
    state = State.TRANSITIONING if retiring else State.HEALTHY
    return Decision(
        {
            "state": state.value,
            "serving": service.candidate,
            "handle": service.candidate_handle,
            "candidate": None,
            "candidate_handle": None,
            "retiring": _records(retiring),
            "target": target,
            "url": seen.url,
            "words": "the previous revision finishes its requests" if retiring else seen.words,
            "error": None,
            "stats": {},
        },
        EventKind.STATE_CHANGED,
        f"{state}: revision {service.candidate} answers at {seen.url}",
        news=News.DEPLOYED,
    )


def is_port_taken(error: Mapping[str, Any] | None) -> bool:
    """Whether a launch failed only because its port is in use, so that it can be tried again."""
    return error is not None and error.get("type") == PORT_TAKEN


def unschedulable(service: Webservice, error: Mapping[str, Any]) -> Decision:
    """The port of the wanted revision is in use: it is launched again when the port is free."""
    words = f"{error.get('message')}; it is tried again until the port is free"
    state = State.UNSCHEDULABLE
    changes = (
        {} if (service.state, service.words) == (state, words) else {"state": state.value, "words": words}
    )
    return Decision(
        changes,
        EventKind.STATE_CHANGED if service.state is not state else None,
        f"{state}: {words}",
        delay=pace.WHILE_SERVING,
        restart_after=pace.WHILE_SERVING,
    )


def candidate_relaunched(service: Webservice, handle: Mapping[str, Any]) -> Decision:
    """The candidate, whose port was in use, was launched again."""
    return Decision(
        {"candidate_handle": handle}, EventKind.LAUNCHED, f"launched revision {service.candidate} again"
    )


def failed_candidate(
    service: Webservice,
    error: Mapping[str, Any],
    handle: Mapping[str, Any] | None,
    handles: Handles,
    previous: Revision | None = None,
) -> Decision:
    """The wanted revision failed: a new service is Failed, an update goes back to what serves.

    ``previous`` is the revision that serves.
    """
    message = ": ".join(filter(None, [error.get("type"), str(error.get("message", ""))]))
    if service.serving is None:
        return Decision(
            {
                "state": State.FAILED.value,
                "handle": handle,
                "candidate": None,
                "candidate_handle": None,
                # The log of this revision is kept; nobody needs what failed or was stopped before it.
                "retiring": _records(_others(service, handles)),
                "words": message,
                "error": dict(error),
            },
            EventKind.STATE_CHANGED,
            f"Failed: {message}",
            {"error": dict(error)},
            News.FAILED,
            message,
            pace.WHILE_SERVING,
        )
    keeps = f"revision {service.serving} keeps serving"
    return Decision(
        {
            "state": State.HEALTHY.value,
            "revision": service.serving,
            "models": list(previous.models) if previous else [],
            "replacements": [asdict(each) for each in previous.replacements] if previous else [],
            "candidate": None,
            "candidate_handle": None,
            "retiring": _records([*service.retiring, Retiring(service.revision, handle)]),
            "words": f"revision {service.revision} failed; {keeps}",
            "error": {**error, "revision": service.revision},
        },
        EventKind.ROLLED_BACK,
        f"revision {service.revision} failed ({message}); {keeps}",
        {"error": dict(error)},
        News.FAILED,
        f"{message}; {keeps}",
    )


def serving_observed(service: Webservice, seen: Observation, answering: bool | None) -> Decision:
    """What serves was looked at, and runs. A decision without changes: nothing new."""
    state = next_state(service.state, seen, answering)
    delay = pace.WHILE_SERVING if state is State.HEALTHY else pace.WHILE_STARTING
    if state is service.state and (not seen.url or seen.url == service.url):
        # What is said of a failed update stays.
        is_news = state is State.HEALTHY and not service.error and seen.words not in ("", service.words)
        return Decision({"words": seen.words} if is_news else {}, delay=delay)
    return Decision(
        {"state": state.value, "url": seen.url or service.url, "words": seen.words, "error": None},
        EventKind.STATE_CHANGED,
        f"{state}: {_why(state, seen)}",
        delay=delay,
    )


def serving_ended(service: Webservice, seen: Observation, *, was_steady: bool) -> Decision:
    """What served ended by itself: it is launched again, after ever longer pauses."""
    restarts = 1 if was_steady else service.restarts + 1
    delay = restart_delay(restarts)
    pause = f" in {delay:g} s" if delay else ""
    state = State.UNSCHEDULABLE if is_port_taken(seen.error) else State.UNHEALTHY
    return Decision(
        {
            "state": state.value,
            "words": f"{seen.words}; restarting it{pause}",
            "error": dict(seen.error) if seen.error else None,
            "restarts": restarts,
            "stats": {},
        },
        EventKind.ENDED,
        f"revision {service.serving} ended: {seen.words}; restarting it{pause} (restart {restarts})",
        restart_after=delay,
    )


def hung(seconds: float) -> Observation:
    """What is said of a service that was ended because it failed its liveness probes for so long."""
    return Observation(Phase.EXITED, words=f"it did not answer for {seconds:.0f} s and was ended")


def start_overdue(limit_seconds: float) -> Observation:
    """What is said of a start that exceeds the limit, and whose server does not end it, as it hangs too."""
    message = f"the server did not start within {limit_seconds:g} s (init_timeout_seconds) and was ended"
    return Observation(
        Phase.EXITED, words=message, error={"phase": "init", "type": "TimeoutError", "message": message}
    )


def relaunched(service: Webservice, handle: Mapping[str, Any]) -> Decision:
    """What had ended was launched again."""
    return Decision({"handle": handle}, EventKind.LAUNCHED, f"launched revision {service.serving} again")


def relaunch_postponed(service: Webservice, reason: str) -> Decision:
    """What ended cannot be launched now, as its target is away: that does not count as a restart."""
    changes = {} if service.words == reason else {"words": reason}
    return Decision(changes, delay=pace.WHILE_SERVING, restart_after=pace.WHILE_SERVING)


PROBES_BEFORE_UNHEALTHY, SECONDS_BEFORE_UNHEALTHY = 3, 1.0


def fails_steadily(probes: int, seconds: float) -> bool:
    """Whether a service is Unhealthy of which the last ``probes`` have failed, in so many ``seconds``.

    Several steps may follow one another within milliseconds, as pods change: a replica that is ready, and of
    which the nodes have not heard yet, does not answer for as long.
    """
    return probes >= PROBES_BEFORE_UNHEALTHY and seconds >= SECONDS_BEFORE_UNHEALTHY


def step_failed(service: Webservice, reason: str, answering: bool | None) -> Decision:
    """A step raised an error, as while the target is away: it is tried again.

    ``answering`` is the probe of what serves: a service that answers is as it was, whatever its target says.
    """
    state = State.UNHEALTHY if service.state is State.HEALTHY and answering is False else service.state
    words = f"{reason}; trying again"
    shown = (state, words) == (service.state, service.words)
    if shown or state in (State.HEALTHY, State.FAILED, State.STOPPED):
        return Decision(delay=pace.WHILE_SERVING)
    return Decision(
        {"state": state.value, "words": words},
        EventKind.STATE_CHANGED if state is not service.state else None,
        f"{state}: {words}",
        delay=pace.WHILE_SERVING,
    )


def discarded(service: Webservice) -> Decision:
    """The candidate is no longer wanted: it is retired."""
    assert service.candidate is not None
    retiring = [*service.retiring, Retiring(service.candidate, service.candidate_handle)]
    return Decision({"candidate": None, "candidate_handle": None, "retiring": _records(retiring)})


def stopped(service: Webservice, handles: Handles, target: str) -> Decision:
    """Every revision was ended by request; the wanted one keeps its handle, for its log.

    ``target`` is the wanted revision's own, so that the handle and the record's target fit.
    """
    others = [number for number in handles if number != service.revision]
    return Decision(
        {
            "state": State.STOPPED.value,
            "serving": None,
            "handle": handles.get(service.revision),
            "target": target,
            "candidate": None,
            "candidate_handle": None,
            "retiring": _records(Retiring(number, None) for number in others),
            "words": "stopped",
            "error": None,
            "stats": {},
        },
        EventKind.STATE_CHANGED,
        "Stopped",
    )


def _others(service: Webservice, handles: Handles) -> list[Retiring]:
    """All revisions but the wanted one."""
    return [Retiring(number, handle) for number, handle in handles.items() if number != service.revision]


def _records(retiring: Iterable[Retiring]) -> list[dict[str, Any]]:
    return [asdict(old) for old in retiring]


def _why(state: State, seen: Observation) -> str:
    if state is State.HEALTHY:
        return f"answers at {seen.url}"
    if state is State.UNHEALTHY:
        return f"does not answer ({seen.words})"
    return seen.words


def takes_calls(seen: Observation) -> bool:
    """Whether a candidate is called at its address: of one that idles, that starts a replica and keeps it."""
    return seen.phase in (Phase.STARTING, Phase.RUNNING) and bool(seen.url)


def is_up(seen: Observation) -> bool:
    """Whether there is an address to probe."""
    return seen.phase is Phase.RUNNING and bool(seen.url)
