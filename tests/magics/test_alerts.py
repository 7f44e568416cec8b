"""`%alert` in a real shell, with the errors of a real service."""

from __future__ import annotations

import pytest

from mlmagic.core.alert import AlertState
from mlmagic.engine.alerts import evaluation
from mlmagic.errors import AlreadyExists, InvalidConfig, InvokeError, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.widgets.service_card.live_service import LiveService
from mlmagic.widgets.services_grid.live_services import LiveServices
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell
from tests.support.waiting import wait_for

SCRIPT = """
def init():
    pass
def run(data):
    raise ValueError("no")
"""


@pytest.mark.together
@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("%alert make errors", UsageError, "%alert has no action 'make'"),
        ("%alert delet errors", UsageError, "Did you mean 'delete'?"),
        ("%alert create", UsageError, "%alert create takes one NAME, and not 'nothing'"),
        ("%alert list errors", UsageError, "%alert list takes no NAME"),
        ("%alert show errors --severity 1", UsageError, "--severity needs create"),
        ("%alert create errors", InvalidConfig, "condition '' must be given"),
        ('%alert create errors --condition "eror_rate > 5%"', InvalidConfig, "Did you mean error_rate?"),
        ("%alert create er --condition drift", InvalidConfig, "alert rule name 'er'"),
        ("%alert create errors --condition drift --window-size 1h", InvalidConfig, "window '3600s'"),
        ("%alert delete errors", NotFound, "Alert rule not found: 'errors'"),
        ("%alert show errors", NotFound, "Alert rule not found: 'errors'"),
    ],
)
def test_wrong_lines_are_refused(
    session: MLMagic, shell: TestingShell, line: str, error: type[Exception], words: str
) -> None:
    shell.refuses(line, error, words)
    assert session.engine.alerts.list() == []


@pytest.mark.together
def test_the_life_of_a_rule(session: MLMagic, shell: TestingShell) -> None:
    assert "%alert create NAME --condition CONDITION" in repr(shell.run_cell("x = %alert\nx"))
    shell.run_cell(
        '%alert create slow --service "wine-*" --condition "p99 > 200ms" --for 2m --severity error'
    )
    assert "Alert rule slow: error if p99 > 200ms in 5m, for 2m, at wine-*." in shell.shown()
    shell.refuses("%alert create slow --condition drift", AlreadyExists, "'slow' already exists")
    shell.run_cell("%alert create drifted --condition drift -o ignored")
    listed = shell.run_cell("rules = %alert list\nrules")
    assert [rule.name for rule in listed] == ["drifted", "slow"]
    assert "no such service" in repr(listed)
    assert [rule.name for rule in shell.run_cell("rules = %alert show slow\nrules")] == ["slow"]
    shell.run_cell("%alert delete slow")
    assert "Deleted alert rule slow." in shell.shown()
    assert [rule.name for rule in session.engine.alerts.list()] == ["drifted"]


@pytest.mark.processes
def test_errors_of_a_real_service(
    shell: TestingShell, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "EVALUATION_SECONDS", 0.5)
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(f"%%score_script broken\n{SCRIPT}")
    shell.run_cell("%deploy svc --script broken")
    shell.run_cell('%alert create errors --service svc --condition "error_rate > 5%" --window-size 10s')
    card = LiveService(engine, engine.services.get("svc"))
    table = LiveServices(engine, engine.services.list())
    wait_for(lambda: dict(card.details).get("Alert rules") == "errors: inactive, no requests", "the rule")
    for _ in range(5):
        with pytest.raises(InvokeError, match="ValueError: no"):
            shell.run_cell("%score svc [1]")
    wait_for(lambda: card.alerts, "the alert in the card")
    (alert,) = card.alerts
    assert (alert["rule"], alert["state"], alert["severity"]) == ("errors", "firing", "warning")
    assert alert["words"] == "error_rate > 5%: error_rate is 100 %"
    wait_for(lambda: table.rows[0]["alerts"] == ["errors"], "the mark in the table")
    wait_for(lambda: not card.alerts, "its end: there are no more requests")
    assert engine.alerts.status()[0].state is AlertState.INACTIVE
    card.close_card()
    table.close_table()
    shell.run_cell("%logs svc --events")
    log = shell.stdout + shell.shown()
    assert "AlertFired" in log
    assert "errors (warning): error_rate > 5% in 10s; error_rate is 100 %" in log
    assert "AlertResolved" in log
