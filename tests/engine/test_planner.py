from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.webservice import Desired, Retiring, State, Webservice
from mlmagic.engine.services.reconcile.planner import Step, handles_of, next_step, restart_delay, superseded

BASE: dict[str, Any] = {
    "id": "1",
    "name": "svc",
    "target": "fake",
    "desired": Desired.RUNNING,
    "state": State.TRANSITIONING,
    "revision": 1,
    "created_time": 0.0,
    "updated_time": 0.0,
}


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({}, Step.LAUNCH),
        ({"candidate": 1}, Step.WATCH_CANDIDATE),
        ({"serving": 1, "state": State.HEALTHY}, Step.WATCH_SERVING),
        ({"serving": 1, "state": State.UNHEALTHY}, Step.WATCH_SERVING),
        ({"serving": 1, "revision": 2}, Step.LAUNCH),
        ({"serving": 1, "revision": 2, "candidate": 2}, Step.WATCH_CANDIDATE),
        ({"serving": 1, "revision": 3, "candidate": 2}, Step.DISCARD),
        ({"serving": 2, "revision": 2, "retiring": (Retiring(1, None),)}, Step.RETIRE),
        ({"state": State.FAILED}, Step.REST),
        ({"serving": 1, "state": State.FAILED}, Step.REST),
        ({"desired": Desired.STOPPED, "serving": 1}, Step.STOP),
        ({"desired": Desired.STOPPED, "state": State.STOPPED}, Step.REST),
        ({"desired": Desired.DELETED, "state": State.STOPPED}, Step.DELETE),
        ({"desired": Desired.DELETED, "candidate": 2, "revision": 3}, Step.DELETE),
    ],
)
def test_the_most_urgent_comes_first(values: dict[str, Any], step: Step) -> None:
    assert next_step(Webservice(**{**BASE, **values})) is step


@pytest.mark.parametrize(
    ("restarts", "delay"), [(0, 0.0), (1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (20, 60.0), (10_000, 60.0)]
)
def test_restarts_come_ever_later(restarts: int, delay: float) -> None:
    assert restart_delay(restarts) == delay


OLD, NEW = {"key": "old"}, {"key": "new"}


@pytest.mark.parametrize(
    ("values", "numbers", "handles"),
    [
        ({}, [1], {1: None}),
        ({"serving": 1, "handle": OLD}, [1], {1: OLD}),
        ({"serving": 1, "handle": OLD, "candidate": 2, "candidate_handle": NEW}, [1, 2], {1: OLD, 2: NEW}),
        ({"serving": 2, "handle": NEW, "retiring": (Retiring(1, OLD),)}, [1, 2], {1: OLD, 2: NEW}),
        # Failed or stopped: the handle is of the only one, until another revision is asked for.
        ({"state": State.FAILED, "handle": OLD}, [1], {1: OLD}),
        ({"handle": OLD, "revision": 2}, [1, 2], {1: OLD, 2: None}),
        ({"handle": OLD, "candidate": 2, "candidate_handle": NEW}, [1, 2], {1: OLD, 2: NEW}),
        # The same revision is started again.
        ({"handle": OLD, "candidate": 1, "candidate_handle": NEW}, [1], {1: NEW}),
    ],
)
def test_each_revision_has_its_handle(
    values: dict[str, Any], numbers: list[int], handles: dict[int, Any]
) -> None:
    assert handles_of(Webservice(**{**BASE, **values}), numbers) == handles


@pytest.mark.parametrize(
    ("values", "numbers", "changes"),
    [
        # It may have been launched, or not: nobody knows yet.
        ({}, [1], {"retiring": [{"revision": 1, "handle": None}]}),
        (
            {"serving": 1, "handle": OLD, "revision": 2},
            [1, 2],
            {"retiring": [{"revision": 2, "handle": None}]},
        ),
        (
            {"serving": 1, "handle": OLD, "revision": 3, "retiring": (Retiring(2, NEW),)},
            [1, 2, 3],
            {"retiring": [{"revision": 2, "handle": NEW}, {"revision": 3, "handle": None}]},
        ),
        # What had stopped is being started again; what had failed is kept for its log.
        ({"handle": OLD}, [1], {"retiring": [{"revision": 1, "handle": OLD}], "handle": None}),
        ({"handle": OLD, "revision": 2}, [1, 2], {"retiring": [{"revision": 2, "handle": None}]}),
        # Its handle is known, and it is retired by another step or when its successor serves.
        ({"candidate": 1, "candidate_handle": NEW}, [1], {}),
        ({"serving": 1, "handle": OLD, "retiring": (Retiring(2, None),)}, [1, 2], {}),
        ({"serving": 1, "handle": OLD, "state": State.HEALTHY}, [1], {}),
        ({"handle": OLD, "state": State.FAILED}, [1], {}),
        ({"handle": OLD, "state": State.STOPPED, "desired": Desired.STOPPED}, [1], {}),
    ],
)
def test_what_is_under_way_is_retired_for_a_newer_wish(
    values: dict[str, Any], numbers: list[int], changes: dict[str, Any]
) -> None:
    assert superseded(Webservice(**{**BASE, **values}), numbers) == changes
