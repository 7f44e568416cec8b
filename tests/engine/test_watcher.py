from __future__ import annotations

import logging

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.engine.events import bus
from mlmagic.engine.services import watcher
from mlmagic.engine.services.watcher import View
from mlmagic.errors import WorkspaceUnavailable
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "CLOCK_SECONDS", 0.05)


def test_each_view_has_all_services_and_what_is_new(fake_engine: Engine) -> None:
    views: list[View] = []
    leave = fake_engine.watcher.watch(views.append)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    wait_for(lambda: views and "svc" in views[-1].services and views[-1].services["svc"].stats, "figures")
    news = [event for view in views for event in view.news]
    assert [event.id for event in news] == sorted({event.id for event in news})
    assert {"DeployRequested", "Launched"} <= {str(event.kind) for event in news}
    leave()
    leave()
    assert fake_engine.watcher.watchers == 0


def test_what_has_not_changed_is_the_same_object(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PAUSE_SECONDS", 0.0)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    fake_engine.services.wait(fake_engine.services.deploy("other", [], script(), ON_FAKE), 20)
    views: list[View] = []
    leave = fake_engine.watcher.watch(views.append)
    wait_for(lambda: views and views[-1].services["svc"].stats, "its figures")
    before = views[-1]
    fake_engine.services.stop("other")
    wait_for(lambda: views[-1].services["other"].state == "Stopped", "the change")
    assert views[-1].services["svc"] is before.services["svc"]
    assert views[-1].services["other"] is not before.services["other"]
    leave()


def test_one_watchers_fault_is_not_anothers(
    fake_engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: list[View] = []

    def fail(_view: View) -> None:
        raise RuntimeError("a card's fault")

    leave_first, leave_second = fake_engine.watcher.watch(fail), fake_engine.watcher.watch(views.append)
    with caplog.at_level(logging.ERROR):
        wait_for(lambda: views, "the second")
    assert "a card's fault" in caplog.text
    leave_first()
    leave_second()


def test_a_database_that_is_away_is_no_view_without_services(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PAUSE_SECONDS", 0.0)
    views: list[View] = []
    reads: list[int] = []
    """How many views there were at each read that failed: one thread reads and then shows."""

    def away(_tx: object) -> None:
        reads.append(len(views))
        raise WorkspaceUnavailable("away")

    leave = fake_engine.watcher.watch(views.append)
    wait_for(lambda: views, "a view")
    with monkeypatch.context() as patched:
        patched.setattr(watcher.services, "list_services", away)
        wait_for(lambda: len(reads) == 3, "reads that fail")
    assert len(set(reads)) == 1
    wait_for(lambda: len(views) > reads[-1], "the next view")
    leave()
