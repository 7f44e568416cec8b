from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mlmagic.core.webservice import Desired, Observation, Phase, State, Webservice, next_state

T, H, U, X, F, S = (
    State.TRANSITIONING,
    State.HEALTHY,
    State.UNHEALTHY,
    State.UNSCHEDULABLE,
    State.FAILED,
    State.STOPPED,
)

SERVICE = Webservice("id", "svc", "local", Desired.RUNNING, H, 1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("state", "phase", "answering", "then"),
    [
        (T, Phase.STARTING, None, T),
        (T, Phase.RUNNING, None, T),
        (T, Phase.RUNNING, False, T),
        (T, Phase.RUNNING, True, H),
        (T, Phase.EXITED, None, F),
        (T, Phase.GONE, None, F),
        (T, Phase.UNSCHEDULABLE, None, X),
        (X, Phase.STARTING, None, T),
        (X, Phase.RUNNING, None, T),
        (X, Phase.RUNNING, True, H),
        (X, Phase.EXITED, None, F),
        (H, Phase.RUNNING, True, H),
        (H, Phase.RUNNING, None, H),
        (H, Phase.RUNNING, False, U),
        (H, Phase.EXITED, None, U),
        (H, Phase.GONE, None, U),
        (H, Phase.UNSCHEDULABLE, None, X),
        (U, Phase.STARTING, None, U),
        (U, Phase.RUNNING, False, U),
        (U, Phase.RUNNING, True, H),
        (U, Phase.EXITED, None, U),
    ],
)
def test_the_table(state: State, phase: Phase, answering: bool | None, then: State) -> None:
    assert next_state(state, Observation(phase), answering) is then


@pytest.mark.parametrize(("state", "phase"), list(itertools.product([F, S], Phase)))
def test_final_states_stay(state: State, phase: Phase) -> None:
    assert next_state(state, Observation(phase), True) is state


@pytest.mark.parametrize("state", list(State))
def test_not_knowing_changes_nothing(state: State) -> None:
    assert next_state(state, Observation(Phase.UNKNOWN), None) is state


@pytest.mark.parametrize(
    ("url", "machine", "reachable"),
    [
        ("http://127.0.0.1:5001", "b", False),
        ("http://localhost:5001", "b", False),
        ("http://[::1]:5001", "b", False),
        ("http://127.0.0.1:5001", "a", True),
        ("http://127.0.0.1:5001", None, True),
        ("http://10.0.0.7:5001", "b", True),
        (None, "b", True),
    ],
)
def test_a_loopback_address_is_reachable_on_its_machine_only(
    url: str | None, machine: str | None, reachable: bool
) -> None:
    service = replace(SERVICE, url=url, machine=machine)
    assert service.is_reachable_from("a") is reachable
