"""What each reconciliation step decides, as a table: no thread, no target, no database."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.replacements import Replacement, with_replacements
from mlmagic.core.webservice import (
    MOVES,
    Desired,
    Observation,
    Phase,
    Retiring,
    Revision,
    State,
    Webservice,
    check_move,
    next_state,
)
from mlmagic.engine.services.reconcile import decisions, pace
from mlmagic.engine.services.reconcile.decisions import Decision, News
from mlmagic.errors import InvalidTransition

OLD, NEW = {"key": "old"}, {"key": "new"}
URL = "http://127.0.0.1:5001"
UP = Observation(Phase.RUNNING, URL, 1, "running")


def service(**values: Any) -> Webservice:
    base: dict[str, Any] = {
        "id": "1",
        "name": "svc",
        "target": "fake",
        "desired": Desired.RUNNING,
        "state": State.TRANSITIONING,
        "revision": 1,
        "created_time": 0.0,
        "updated_time": 0.0,
    }
    return Webservice(**{**base, **values})


UPDATE = service(revision=2, serving=1, handle=OLD, candidate=2, candidate_handle=NEW, models=("m:2",))
FIRST = service(candidate=1, candidate_handle=NEW)
SERVING = service(state=State.HEALTHY, serving=1, handle=OLD, url=URL)


@pytest.mark.parametrize(
    ("before", "seen", "answering", "changes", "kind"),
    [
        # The first revision answers: Healthy at once, as nothing has to be retired.
        (FIRST, UP, True, {"state": "Healthy", "serving": 1, "retiring": []}, EventKind.STATE_CHANGED),
        # An update answers: Healthy when the old revision has ended.
        (
            UPDATE,
            UP,
            True,
            {
                "state": "Transitioning",
                "serving": 2,
                "handle": NEW,
                "retiring": [{"revision": 1, "handle": OLD}],
                "target": "other",
            },
            EventKind.STATE_CHANGED,
        ),
        (FIRST, UP, False, {"words": "running"}, None),
        (FIRST, Observation(Phase.UNKNOWN), None, {}, None),
        (
            FIRST,
            Observation(Phase.UNSCHEDULABLE, words="no room"),
            None,
            {"state": "Unschedulable", "words": "no room"},
            EventKind.STATE_CHANGED,
        ),
        (
            service(state=State.UNSCHEDULABLE, words="no room", candidate=1, candidate_handle=NEW),
            Observation(Phase.STARTING, words="starting"),
            None,
            {"state": "Transitioning", "words": "starting"},
            EventKind.STATE_CHANGED,
        ),
    ],
)
def test_a_candidate_is_observed(
    before: Webservice, seen: Observation, answering: bool | None, changes: dict[str, Any], kind: EventKind
) -> None:
    handles = {1: NEW} if before.revision == 1 else {1: OLD, 2: NEW}
    made = decisions.candidate_observed(before, seen, answering, handles, "other")
    assert {name: made.changes[name] for name in changes} == changes
    assert made.kind is kind
    assert bool(made.changes) is bool(changes)
    promoted = "serving" in changes
    assert made.news is (News.DEPLOYED if promoted else News.NOBODY)
    assert made.delay == (pace.AT_ONCE if promoted else pace.WHILE_STARTING)


def test_a_new_service_that_fails_is_failed_and_keeps_its_handle_for_the_log() -> None:
    made = decisions.failed_candidate(FIRST, {"type": "ValueError", "message": "no"}, NEW, {1: NEW})
    assert made.changes["state"] == "Failed"
    assert made.changes["handle"] == NEW
    assert made.changes["words"] == "ValueError: no"
    assert (made.news, made.news_text) == (News.FAILED, "ValueError: no")


def test_an_update_that_fails_goes_back_to_what_serves() -> None:
    used = Replacement("a", "1", "2", "has no build")
    record = with_replacements({"name": "e"}, [used])
    inference = InferenceConfig("score.py", environment=record)
    before = Revision(1, ("m:1",), inference, (), DeploymentConfig(), "python")
    made = decisions.failed_candidate(UPDATE, {"message": "no"}, NEW, {1: OLD, 2: NEW}, before)
    assert [each["used"] for each in made.changes["replacements"]] == ["2"]
    assert made.kind is EventKind.ROLLED_BACK
    assert made.changes["state"] == "Healthy"
    assert (made.changes["revision"], made.changes["models"]) == (1, ["m:1"])
    assert made.changes["retiring"] == [{"revision": 2, "handle": NEW}]
    assert made.changes["error"] == {"message": "no", "revision": 2}
    assert "serving" not in made.changes
    assert "target" not in made.changes


@pytest.mark.parametrize(
    ("before", "seen", "answering", "state"),
    [
        (SERVING, UP, True, None),
        (SERVING, UP, None, None),  # one probe without an answer
        (SERVING, UP, False, "Unhealthy"),
        (SERVING, Observation(Phase.UNKNOWN), None, None),
        (service(state=State.UNHEALTHY, serving=1, handle=OLD, url=URL), UP, True, "Healthy"),
        (SERVING, Observation(Phase.RUNNING, "http://127.0.0.1:5002", 1, "moved"), True, "Healthy"),
    ],
)
def test_what_serves_is_observed(
    before: Webservice, seen: Observation, answering: bool | None, state: str | None
) -> None:
    made = decisions.serving_observed(before, seen, answering)
    assert made.changes.get("state") == state
    assert made.delay == (
        pace.WHILE_SERVING if (state or before.state) == State.HEALTHY else pace.WHILE_STARTING
    )


@pytest.mark.parametrize(
    ("restarts", "was_steady", "counted", "after", "words"),
    [
        (0, False, 1, 0.0, "it was killed; restarting it"),
        (3, False, 4, 2.0, "it was killed; restarting it in 2 s"),
        (100, True, 1, 0.0, "it was killed; restarting it"),
        (100, False, 101, 60.0, "it was killed; restarting it in 60 s"),
    ],
)
def test_what_ended_is_restarted_however_often_it_ends(
    restarts: int, was_steady: bool, counted: int, after: float, words: str
) -> None:
    seen = Observation(Phase.EXITED, words="it was killed")
    made = decisions.serving_ended(
        service(state=State.HEALTHY, serving=1, restarts=restarts), seen, was_steady=was_steady
    )
    assert (made.changes["state"], made.changes["restarts"]) == ("Unhealthy", counted)
    assert (made.restart_after, made.changes["words"]) == (after, words)


TAKEN = {"type": "PortTaken", "phase": "bind", "message": "port 5001 is in use"}


def test_a_port_that_is_taken_is_waited_for() -> None:
    made = decisions.unschedulable(service(state=State.TRANSITIONING), TAKEN)
    words = "port 5001 is in use; it is tried again until the port is free"
    assert made.changes == {"state": "Unschedulable", "words": words}
    assert made.restart_after == made.delay == pace.WHILE_SERVING
    assert decisions.unschedulable(service(state=State.UNSCHEDULABLE, words=words), TAKEN).changes == {}
    ended = Observation(Phase.EXITED, words="port 5001 is in use", error=TAKEN)
    made = decisions.serving_ended(service(state=State.UNHEALTHY, serving=1), ended, was_steady=False)
    assert made.changes["state"] == "Unschedulable"


def test_a_target_that_is_away_does_not_count_as_an_end() -> None:
    ended = service(state=State.UNHEALTHY, serving=1, restarts=1)
    made = decisions.relaunch_postponed(ended, "Docker is away")
    assert made.changes == {"words": "Docker is away"}
    assert made.restart_after == pace.WHILE_SERVING
    assert decisions.relaunch_postponed(service(words="Docker is away"), "Docker is away").changes == {}


AWAY = "Docker is away; trying again"


@pytest.mark.parametrize(
    ("before", "answering", "changes", "kind"),
    [
        (SERVING, True, {}, None),  # whatever its target says
        (SERVING, None, {}, None),  # one probe that fails is none
        (SERVING, False, {"state": "Unhealthy", "words": AWAY}, EventKind.STATE_CHANGED),
        (service(state=State.UNHEALTHY, serving=1), False, {"state": "Unhealthy", "words": AWAY}, None),
        (service(state=State.UNHEALTHY, serving=1, words=AWAY), False, {}, None),
        (FIRST, None, {"state": "Transitioning", "words": AWAY}, None),
        (service(state=State.FAILED, words="its own error"), None, {}, None),
        (service(state=State.STOPPED), None, {}, None),
    ],
)
def test_a_step_that_failed_is_shown(
    before: Webservice, answering: bool | None, changes: dict[str, Any], kind: EventKind | None
) -> None:
    made = decisions.step_failed(before, "Docker is away", answering)
    assert (dict(made.changes), made.kind, made.delay) == (changes, kind, pace.WHILE_SERVING)


def test_a_stop_keeps_the_handle_of_the_wanted_revision_for_its_log() -> None:
    made = decisions.stopped(UPDATE, {1: OLD, 2: NEW}, "other")
    assert (made.changes["state"], made.changes["serving"]) == ("Stopped", None)
    assert (made.changes["handle"], made.changes["target"]) == (NEW, "other")
    assert made.changes["retiring"] == [{"revision": 1, "handle": None}]


def test_a_candidate_that_is_no_longer_wanted_is_retired() -> None:
    before = service(revision=3, serving=1, candidate=2, candidate_handle=NEW, retiring=(Retiring(4, OLD),))
    made = decisions.discarded(before)
    assert made.changes["candidate"] is None
    assert [old["revision"] for old in made.changes["retiring"]] == [4, 2]


def test_a_decision_without_changes_says_when_to_look_again() -> None:
    assert Decision().delay == pace.AT_ONCE


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("answering", [True, False, None])
def test_every_state_that_an_observation_leads_to_is_a_legal_move(
    state: State, phase: Phase, answering: bool | None
) -> None:
    check_move(state, next_state(state, Observation(phase), answering))


@pytest.mark.parametrize(
    ("before", "after"),
    [(before, after) for before in State for after in State if after not in MOVES[before]],
)
def test_illegal_moves_are_errors(before: State, after: State) -> None:
    with pytest.raises(InvalidTransition, match=f"cannot change from {before} to {after}"):
        check_move(before, after)


@pytest.mark.parametrize(
    ("seen", "takes_calls", "is_up"),
    [
        (Observation(Phase.RUNNING, URL), True, True),
        (Observation(Phase.RUNNING, URL, idle=True), True, True),
        (Observation(Phase.RUNNING), False, False),
        # A target that gives an address to what is starting wants it to be called there.
        (Observation(Phase.STARTING, URL), True, False),
        (Observation(Phase.STARTING), False, False),
        (Observation(Phase.EXITED, URL), False, False),
        (Observation(Phase.UNSCHEDULABLE, URL), False, False),
    ],
)
def test_what_is_called_and_what_is_probed(seen: Observation, takes_calls: bool, is_up: bool) -> None:
    assert (decisions.takes_calls(seen), decisions.is_up(seen)) == (takes_calls, is_up)


@pytest.mark.parametrize(
    ("probes", "seconds", "fails"), [(0, 0.0, False), (2, 60.0, False), (9, 0.05, False), (3, 1.0, True)]
)
def test_a_service_is_unhealthy_when_it_fails_several_probes_over_a_while(
    probes: int, seconds: float, fails: bool
) -> None:
    assert decisions.fails_steadily(probes, seconds) is fails
