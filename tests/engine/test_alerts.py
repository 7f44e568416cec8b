"""Alert rules: evaluated by the holder of a service's lease, kept over restarts, sent to webhooks."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from sqlalchemy import update

from mlmagic.core import alert as core
from mlmagic.core import traffic_history as core_history
from mlmagic.core.alert import AlertRule, AlertState
from mlmagic.core.alert_arguments import rule_of
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.drift import DomainClassifier, DriftReport, DriftRule
from mlmagic.core.events import EventKind
from mlmagic.core.request_counts import RequestCounts
from mlmagic.core.traffic_history import TrafficPoint
from mlmagic.core.webservice import Revision, State, Webservice
from mlmagic.engine.alerts import evaluation
from mlmagic.engine.alerts.alerts import Alerts
from mlmagic.engine.alerts.evaluation import AlertEvaluation
from mlmagic.engine.drift.drift import KIND
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import traffic_writer
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import assets, events, services, traffic_history
from mlmagic.workspace.database import alerts as alert_rows
from mlmagic.workspace.database import services as service_rows
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.traffic_history import Measured
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.metrics import metrics
from tests.support.waiting import wait_for
from tests.support.webhook import Hook

pytestmark = pytest.mark.together

ME = ProcessIdentity.current().mark()
REVISION = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3")
FIRED, RESOLVED = EventKind.ALERT_FIRED, EventKind.ALERT_RESOLVED
INACTIVE, PENDING, FIRING = AlertState


def rule(condition: str = "error_rate > 5%", name: str = "errors", **given: str) -> AlertRule:
    return rule_of(name, {"condition": condition, **given})


@pytest.fixture
def alerts(memory: Memory) -> Alerts:
    return Alerts(memory, lambda: None, lambda: None)


@pytest.fixture
def service(memory: Memory) -> Webservice:
    """A service of this process, that serves."""
    with memory.writing() as tx:
        services.create(tx, "svc", REVISION, ME)
        (made,) = services.lease(tx, ME)
        services.observe(tx, made, {"serving": 1, "state": State.HEALTHY.value})
        return services.get(tx, "svc")


def answered(memory: Memory, service: Webservice, requests: int, errors: int) -> None:
    point = TrafficPoint(0.0, 0.001, requests, errors)  # so short that points do not overlap
    with memory.writing() as tx:
        traffic_history.add(tx, [Measured(service.id, point, RequestCounts("a"), 0.0)])


def evaluate(memory: Memory, mark: str = ME) -> None:
    """As a supervisor does that has just started."""
    with memory.reading() as tx:
        held = services.list_services(tx)
    AlertEvaluation(memory, mark).run(held)


def changes(memory: Memory) -> list[tuple[EventKind | str, str]]:
    """The events of alerts of the service."""
    with memory.reading() as tx:
        found = events.newest(tx, 100, subject="services/svc")
    return [(each.kind, each.message) for each in found if each.kind in (FIRED, RESOLVED)]


def set_state(memory: Memory, state: State) -> None:
    with memory.writing() as tx:
        tx.execute(update(service_rows).values(state=state.value))


def test_a_notification_is_neither_forgotten_nor_repeated(
    memory: Memory, alerts: Alerts, service: Webservice
) -> None:
    alerts.create(rule())
    evaluate(memory)
    assert [(each.state, each.value) for each in alerts.status()] == [(INACTIVE, "no requests")]
    answered(memory, service, 90, 0)
    evaluate(memory)
    assert changes(memory) == []
    answered(memory, service, 10, 10)
    for _ in range(3):
        evaluate(memory)
    fired = (FIRED, "errors (warning): error_rate > 5% in 5m; error_rate is 10 %")
    assert changes(memory) == [fired]
    assert [each.state for each in alerts.status(service="svc")] == [FIRING]
    answered(memory, service, 900, 0)
    for _ in range(3):
        evaluate(memory)
    assert changes(memory) == [fired, (RESOLVED, "errors (warning): error_rate is 1 %")]
    (status,) = alerts.status(rule="errors")
    assert (status.state, status.since_time, status.value) == (INACTIVE, None, "error_rate is 1 %")


def test_a_condition_must_hold_for_a_while(memory: Memory, alerts: Alerts, service: Webservice) -> None:
    alerts.create(rule("state == Unhealthy", "sick", for_="60s"))
    set_state(memory, State.UNHEALTHY)
    evaluate(memory)
    assert [each.state for each in alerts.status()] == [PENDING]
    with memory.writing() as tx:
        tx.execute(update(alert_rows).values(since=alert_rows.c.since - 59))
    evaluate(memory)
    assert changes(memory) == []
    with memory.writing() as tx:
        tx.execute(update(alert_rows).values(since=alert_rows.c.since - 2))
    evaluate(memory)
    assert [kind for kind, _ in changes(memory)] == [FIRED]
    set_state(memory, State.HEALTHY)
    evaluate(memory)
    assert changes(memory)[1:] == [(RESOLVED, "sick (warning): state is Healthy")]


def test_only_the_holder_of_the_lease_records_alerts(
    memory: Memory, alerts: Alerts, service: Webservice
) -> None:
    alerts.create(rule("state == Healthy", "well"))
    evaluate(memory, ProcessIdentity("elsewhere", 1, "1.0").mark())
    assert changes(memory) == []
    with memory.reading() as tx:
        before = services.list_services(tx)
    with memory.writing() as tx:
        tx.execute(update(service_rows).values(lease_token=service_rows.c.lease_token + 1))
    AlertEvaluation(memory, ME).run(before)
    assert changes(memory) == []


def test_an_evaluation_that_was_overtaken_writes_nothing(
    memory: Memory, alerts: Alerts, service: Webservice, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.create(rule("state == Healthy", "well"))
    other = AlertEvaluation(memory, ME)
    record = other._record

    def after_another(found: Any) -> None:
        evaluate(memory)
        record(found)

    monkeypatch.setattr(other, "_record", after_another)
    other.run([service])
    assert [kind for kind, _ in changes(memory)] == [FIRED]


def test_a_deleted_rule_resolves_its_alerts(memory: Memory, alerts: Alerts, service: Webservice) -> None:
    alerts.create(rule("state == Healthy", "well"))
    with pytest.raises(AlreadyExists, match="'well' already exists"):
        alerts.create(rule("drift", "well"))
    evaluate(memory)
    alerts.delete("well")
    assert changes(memory)[1:] == [(RESOLVED, "well (warning): the rule was deleted")]
    assert alerts.list() == alerts.status() == []
    for name in ("well", "wel"):
        with pytest.raises(NotFound, match="Alert rule not found"):
            alerts.delete(name)
        with pytest.raises(NotFound):
            alerts.status(rule=name)


def test_a_rule_outlives_its_service(memory: Memory, alerts: Alerts, service: Webservice) -> None:
    alerts.create(rule("state == Healthy", "well", service="svc"))
    alerts.create(rule("state == Healthy", "others", service="other-*"))
    evaluate(memory)
    with memory.writing() as tx:
        services.remove(tx, service, "deleted svc")
    assert changes(memory)[1:] == [(RESOLVED, "well (warning): the service was deleted")]
    assert [each.name for each in alerts.list()] == ["others", "well"]
    assert alerts.status() == []
    with memory.writing() as tx:
        services.create(tx, "svc", REVISION, ME)
    assert [(each.rule.name, each.state) for each in alerts.status()] == [("well", INACTIVE)]


def drift_report(*, drifted: bool) -> DriftReport:
    classifier = DomainClassifier(0.9, 0.8, 1.0, 0.001, 0.001, drifted)
    now = time.time()
    return DriftReport("svc", 0, "train", 100, 100, now, now, now, DriftRule(), classifier, (), {})


def test_drift_of_the_last_check(memory: Memory, alerts: Alerts, service: Webservice) -> None:
    alerts.create(rule("drift", "drifted"))
    assert [each.value for each in alerts.status()] == ["no drift check yet"]
    for drifted in (False, True, False):
        with memory.writing() as tx:
            assets.add(tx, KIND, "svc", drift_report(drifted=drifted).record())
        evaluate(memory)
    assert changes(memory) == [
        (FIRED, "drifted (warning): drift; drift"),
        (RESOLVED, "drifted (warning): no drift"),
    ]


def test_at_rest_nothing_is_written(
    memory: Memory, alerts: Alerts, service: Webservice, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.create(rule("state == Healthy", "well"))
    alerts.create(rule())
    evaluate(memory)
    monkeypatch.setattr(memory, "writing", None)
    monkeypatch.setattr(memory, "writing_quietly", None)
    evaluate(memory)


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic is measured and rules are evaluated many times a second."""
    for room in (core, core_history):
        monkeypatch.setattr(room, "PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(traffic_writer, "GATHER_SECONDS", 0.05)
    monkeypatch.setattr(evaluation, "EVALUATION_SECONDS", 0.05)


@pytest.mark.usefixtures("_quickly")
def test_the_next_supervisor_goes_on(make_engine: MakeEngine, fake: FakeTarget) -> None:
    first = make_engine(targets=lambda name: fake)
    first.services.wait(first.services.deploy("svc", [], script(), ON_FAKE))
    first.alerts.create(rule("state == Healthy", "well"))
    wait_for(lambda: first.alerts.status()[0].state is FIRING, "the alert")
    first.close()
    second = make_engine(targets=lambda name: fake)
    second.supervision.ensure()
    second.alerts.create(rule("state == Healthy", "also"))
    wait_for(lambda: all(each.state is FIRING for each in second.alerts.status()), "both alerts")
    second.services.stop("svc")
    wait_for(lambda: len(changes(second.memory)) == 4, "the end of both")
    kinds = [(kind, message.partition(" ")[0]) for kind, message in changes(second.memory)]
    assert kinds[:2] == [(FIRED, "well"), (FIRED, "also")]
    assert sorted(kinds[2:]) == [(RESOLVED, "also"), (RESOLVED, "well")]


@pytest.mark.usefixtures("_quickly")
def test_from_requests_to_webhooks(
    fake_engine: Engine, fake: FakeTarget, answering: Answering, hook: Hook
) -> None:
    engine = fake_engine
    engine.events.subscribe("ops", hook.url, handshake=False)
    engine.alerts.create(rule(severity="1", window="1s", description="look at the log"))
    answering.metrics = metrics(20)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: engine.services.traffic_history("svc").points, "requests without errors")
    answering.metrics = metrics(60, errors=40)

    def received() -> list[dict[str, Any]]:
        sent = [json.loads(body)[0] for _, body in hook.requests]
        return [each for each in sent if each["eventType"].startswith("mlmagic.Alert")]

    wait_for(lambda: len(received()) == 2, "the alert, and its end as no more requests come")
    fired, resolved = received()
    assert (fired["eventType"], fired["subject"]) == ("mlmagic.AlertFired", "services/svc")
    data = fired["data"]
    assert (data["AlertRule"], data["Severity"], data["MonitorCondition"]) == ("errors", "error", "Fired")
    assert (data["ServiceName"], data["Condition"]) == ("svc", "error_rate > 5% in 1s")
    assert (data["Description"], data["ResolvedDateTime"]) == ("look at the log", None)
    assert data["Value"].startswith("error_rate is ")
    assert (resolved["eventType"], resolved["data"]["Value"]) == ("mlmagic.AlertResolved", "no requests")
    assert resolved["data"]["FiredDateTime"] == data["FiredDateTime"] < resolved["data"]["ResolvedDateTime"]
