"""Alerts in JupyterLab: in a service's card and in the panel's table, until the rule is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from tests.journeys.accessibility import violations
from tests.journeys.themes import check_themes
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CELLS = [
    "%load_ext mlmagic",
    "%%score_script echo\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy wine-svc --script echo",
    '%alert create running --condition "state == Healthy" --severity critical',
    '%alert create running-for-an-hour --condition "state == Healthy" --for 1h',
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_alerts_are_shown_while_they_fire(lab: Client, page: Any, engine: Engine) -> None:
    alerts = page.get_by_label("Alerts of wine-svc")
    alerts.get_by_text("Firing").wait_for()
    alerts.get_by_text("Pending").wait_for()
    assert "state == Healthy: state is Healthy" in alerts.inner_text()
    lab.command("application:toggle-left-area")
    check_themes(lab, page, "alerts", widths=(480, 1400), height=1600)
    page.locator(".mlmagic-status").click()
    marks = page.locator("#mlmagic-panel .mlmagic-alert")
    marks.get_by_text("▲ running").wait_for()
    assert marks.count() == 1
    for theme in ("Dark", "Light"):
        lab.use_theme(theme)
        assert violations(page, "#mlmagic-panel") == []
        page.screenshot(path=ARTIFACTS / f"alerts-panel-{theme.lower()}.png")
    for name in ("running", "running-for-an-hour"):
        engine.alerts.delete(name)
    alerts.get_by_text("Firing").wait_for(state="detached")
    marks.wait_for(state="detached")
