"""What a rollback goes back to, which former revisions are kept, and how changes are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import StoredFile
from mlmagic.core.revisions import (
    RecordedRevision,
    change_between,
    content_of,
    previous_healthy,
    summary_of,
    to_forget,
)
from mlmagic.core.webservice import Desired, Revision, State, Webservice

SCRIPT = StoredFile("score.py", "a" * 64, 1)
BASE = Revision(1, ("m:1",), InferenceConfig("score.py"), (SCRIPT,), DeploymentConfig("fake"), "/python")


def recorded(number: int, model: int, *, healthy: bool = True, retired: bool = True) -> RecordedRevision:
    revision = replace(BASE, number=number, models=(f"m:{model}",))
    return RecordedRevision(revision, 1.0, 2.0 if healthy else None, retired=retired)


def history(*models: int, failed: tuple[int, ...] = ()) -> list[RecordedRevision]:
    """Revisions from 1, by the version of their model; the last one serves."""
    return [
        recorded(number, model, healthy=number not in failed, retired=number < len(models))
        for number, model in enumerate(models, 1)
    ]


@pytest.mark.parametrize(
    ("found", "wanted", "chosen"),
    [
        (history(1, 2, 3), 3, 2),
        (history(1, 2, 3), 2, 1),
        (history(1, 2, 3, failed=(2,)), 3, 1),
        (history(1, 2, 2), 3, 1),  # a restart
        (history(1, 2, 1), 3, 2),  # a rollback: the next one goes forward again
        (history(1, 2, 1, 2), 4, 3),
        (history(1), 1, None),
        (history(1, 1, 1), 3, None),
        (history(1, 2, failed=(1,)), 2, None),
        ([], 1, None),
    ],
)
def test_the_revision_that_is_chosen(found: list[RecordedRevision], wanted: int, chosen: int | None) -> None:
    assert previous_healthy(found, wanted) == chosen


@pytest.mark.parametrize(
    ("found", "forgotten"),
    [
        (history(1, 2, 3), []),
        (history(1, 2, 3, 4), [1]),
        (history(1, 2, 3, 4, failed=(1, 2)), []),
        (history(1, 2, 3, 4, failed=(1, 2, 3)), [1]),
        (history(1, 2, 2, 3), [2]),  # 3 is a restart of it
        (history(1, 2, 3, 1), [1]),  # what serves is a copy of it
        (history(1, 2, 3, 4, 5, 6), [1, 2, 3]),
    ],
)
def test_the_former_revisions_that_are_forgotten(found: list[RecordedRevision], forgotten: list[int]) -> None:
    assert to_forget(found, 2) == forgotten


def test_revisions_that_may_run_are_not_forgotten() -> None:
    assert to_forget([recorded(number, number, retired=False) for number in range(1, 30)]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "no change"),
        ({"number": 7}, "no change"),
        ({"models": ("m:2", "n:1")}, "models m:2, n:1"),
        ({"models": ()}, "no models"),
        ({"files": ()}, "script"),
        ({"inference": InferenceConfig("other.py")}, "script"),
        (
            {"inference": InferenceConfig("score.py", environment={"name": "e"}), "python": "/p"},
            "environment",
        ),
        ({"python": "/other"}, "Python interpreter"),
        ({"config": DeploymentConfig("docker", cpu=1, description="d")}, "target docker; cpu, description"),
        ({"config": DeploymentConfig("fake", environment_variables={"KEY": "secret"})}, "env"),
        (
            {"config": DeploymentConfig("fake", auth_enabled=True, primary_key="0123456789abcdef")},
            "auth",
        ),
    ],
)
def test_the_words_for_a_change(changes: dict[str, Any], words: str) -> None:
    assert change_between(BASE, replace(BASE, **changes)) == words


def test_a_first_revision_is_deployed() -> None:
    assert change_between(None, BASE) == "deployed"


def test_labels_and_numbers_are_not_content() -> None:
    labelled = replace(BASE.config, tags={"a": "b"}, properties={"c": "d"}, description="e")
    assert content_of(replace(BASE, number=9, config=labelled)) == content_of(BASE)
    assert content_of(replace(BASE, files=())) != content_of(BASE)


@pytest.mark.parametrize(
    ("number", "changes", "status"),
    [
        (2, {}, "Serving"),
        (1, {}, "Was Healthy"),
        (3, {}, "Never Healthy"),
        (3, {"revision": 3, "state": State.TRANSITIONING}, "Starting"),
        (2, {"serving": None, "state": State.STOPPED}, "Stopped"),
        (2, {"serving": None, "state": State.FAILED}, "Failed"),
    ],
)
def test_the_status_in_lists(number: int, changes: dict[str, Any], status: str) -> None:
    values = {"revision": 2, "serving": 2, "state": State.HEALTHY, **changes}
    service = Webservice("id", "svc", "fake", Desired.RUNNING, created_time=0, updated_time=0, **values)
    summary = summary_of(recorded(number, 1, healthy=number < 3), service)
    assert (summary.status, summary.is_serving) == (status, status == "Serving")
    assert summary.was_healthy is (number < 3)
