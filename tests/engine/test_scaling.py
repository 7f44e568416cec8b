"""The engine tells a target how many replicas to run: once, and again while some are missing."""

from __future__ import annotations

from dataclasses import replace

from mlmagic.core.webservice import Desired, Observation, Phase, State, Webservice
from mlmagic.engine.services.reconcile.scaling import Scaling

SERVICE = Webservice(
    "id", "svc", "fake", Desired.RUNNING, State.HEALTHY, 1, 0.0, 0.0, serving=1, handle={"key": 1}, replicas=3
)


def seen(ready: int, *, idle: bool = False) -> Observation:
    return Observation(Phase.RUNNING, url="http://x", ready=ready, idle=idle)


def test_it_is_told_once_and_again_for_another_number_or_launch() -> None:
    scaling = Scaling()
    assert scaling.is_due(SERVICE, seen(3), 0.0)
    assert not scaling.is_due(SERVICE, seen(3), 100.0)
    assert scaling.is_due(replace(SERVICE, replicas=2), seen(3), 101.0)
    assert scaling.is_due(replace(SERVICE, replicas=2, handle={"key": 2}), seen(2), 102.0)


def test_one_that_has_no_number_of_its_own_is_left_to_its_target() -> None:
    assert not Scaling().is_due(replace(SERVICE, replicas=None), seen(1), 0.0)


def test_while_some_are_missing_it_is_told_ever_more_seldom() -> None:
    scaling = Scaling()
    told = [second for second in range(60) if scaling.is_due(SERVICE, seen(2), float(second))]
    assert told == [0, 1, 3, 7, 15, 31]
    assert not scaling.is_due(SERVICE, seen(3), 61.0)
    told = [second for second in range(100, 110) if scaling.is_due(SERVICE, seen(2), float(second))]
    assert told[0] == 100


def test_an_idle_service_misses_none() -> None:
    scaling = Scaling()
    scaling.is_due(SERVICE, seen(3), 0.0)
    assert not scaling.is_due(SERVICE, seen(0, idle=True), 100.0)
