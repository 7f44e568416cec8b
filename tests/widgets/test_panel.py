"""The live panel, at the level of its traits."""

from __future__ import annotations

import re

import pytest

from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.panel import POINTS, ServicePanel, sparkline
from tests.engine.conftest import (  # noqa: F401
    ON_FAKE,
    Answering,
    _impatient,
    answering,
    fake,
    fake_engine,
    script,
)
from tests.targets.contract import wait_for


def deployed(engine: Engine) -> ServicePanel:
    return ServicePanel(engine, engine.wait(engine.deploy("svc", [], script(), ON_FAKE), 20))


def text_of(panel: ServicePanel) -> str:
    return " ".join(pane.value for pane in (panel._state_pane, panel._latency_pane, panel._log_pane))


def test_it_shows_the_service_and_follows_it(
    fake_engine: Engine,  # noqa: F811
    fake: FakeTarget,  # noqa: F811
    answering: Answering,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    panel = deployed(fake_engine)
    assert panel.model.state == "Healthy"
    assert panel.model.log == "launched svc r1"
    wait_for(lambda: panel.model.traffic == "3 requests", "the traffic")
    fake.only().log.append("hello <b>there</b>")
    answering.healthy = False
    wait_for(lambda: panel.model.state == "Unhealthy", "Unhealthy")
    wait_for(lambda: "&lt;b&gt;there" in text_of(panel), "the log")
    assert "<b>" not in text_of(panel)
    assert 'role="status"' in panel._state_pane.value
    panel.close_panel()
    assert capfd.readouterr() == ("", "")


def test_it_ends_with_its_service(
    fake_engine: Engine,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    panel = deployed(fake_engine)
    fake_engine.delete("svc")
    wait_for(lambda: panel.model.words == "deleted", "the end")
    assert panel.model.state == "Stopped"
    again = deployed(fake_engine)
    assert (again.model.state, panel.model.words) == ("Healthy", "deleted")
    wait_for(lambda: panel._hear not in fake_engine.bus._subscribers, "the old one to leave")
    again.close_panel()
    assert capfd.readouterr() == ("", "")


def test_a_failure_has_its_words(fake_engine: Engine, fake: FakeTarget) -> None:  # noqa: F811
    error = {"phase": "init", "type": "KeyError", "message": "'<i>'", "traceback": "t"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    panel = ServicePanel(fake_engine, fake_engine.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: panel.model.state == "Failed", "Failed")
    assert panel.model.words == "KeyError: '<i>'"
    assert "<i>" not in text_of(panel)
    panel.close_panel()


def test_what_is_saved_of_it_is_one_line(fake_engine: Engine) -> None:  # noqa: F811
    panel = deployed(fake_engine)
    assert repr(panel) == "svc: live panel (it needs a running kernel)"
    panel.close_panel()


def test_the_sparkline_has_a_label_and_stays_in_its_box() -> None:
    assert sparkline([]) == sparkline([1.0]) == ""
    drawn = sparkline([0.0, 5.0, 2.5], width=100, height=20)
    assert 'role="img" aria-label="median latency, last 3 readings, now 2.5 ms, highest 5 ms"' in drawn
    points = re.search(r'polyline points="([^"]*)"', drawn)
    assert points is not None
    for point in points[1].split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 100
        assert 0 <= y <= 20
    assert 'points="' in sparkline([0.0] * POINTS)
