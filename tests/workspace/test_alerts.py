"""The tables of alert rules and alerts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.alert import Alert, AlertState, Severity
from mlmagic.core.alert_arguments import rule_of
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.notices import notice_of
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.workspace import alerts, events, services
from mlmagic.workspace.memory import Memory

RULE = rule_of("slow", {"condition": "p99 > 200ms", "for_": "2m", "severity": "error", "description": "look"})
REVISION = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3")


@pytest.fixture
def service(memory: Memory) -> Webservice:
    with memory.writing() as tx:
        alerts.add_rule(tx, RULE)
        return services.create(tx, "svc", REVISION, None)


def alert(service: Webservice, state: AlertState, since: float) -> Alert:
    return Alert("slow", service.id, state, since, since, Severity.ERROR, "p99 > 200ms", "p99 is 312 ms")


def test_rules_are_read_as_they_were_written(memory: Memory, service: Webservice) -> None:
    with memory.writing() as tx:
        alerts.add_rule(tx, replace(RULE, name="another"))
        with pytest.raises(AlreadyExists):
            alerts.add_rule(tx, RULE)
    with memory.reading() as tx:
        assert alerts.get_rule(tx, "slow") == RULE
        assert [rule.name for rule in alerts.list_rules(tx)] == ["another", "slow"]
        with pytest.raises(NotFound, match="'slwo'"):
            alerts.get_rule(tx, "slwo")


def test_an_alert_from_pending_to_its_end(memory: Memory, service: Webservice) -> None:
    none = Alert("slow", service.id)
    pending = alert(service, AlertState.PENDING, 1000.0)
    firing = replace(pending, state=AlertState.FIRING, since=1120.0)
    ended = replace(firing, state=AlertState.INACTIVE, since=1200.0, value="p99 is 9 ms")
    with memory.writing() as tx:
        assert not alerts.write(tx, none, pending, RULE, "svc")
        assert alerts.list_alerts(tx) == [pending]
        assert alerts.write(tx, pending, firing, RULE, "svc")
        assert not alerts.write(tx, pending, firing, RULE, "svc")  # another process has written it before
        assert alerts.list_alerts(tx) == [firing]
        assert alerts.write(tx, firing, ended, RULE, "svc")
        assert alerts.list_alerts(tx) == []
    with memory.reading() as tx:
        fired, resolved = events.newest(tx, 2, subject="services/svc")
    assert (fired.kind, resolved.kind) == (EventKind.ALERT_FIRED, EventKind.ALERT_RESOLVED)
    assert fired.message == "slow (error): p99 > 200ms in 5m, for 2m; p99 is 312 ms"
    assert resolved.message == "slow (error): p99 is 9 ms"
    notice = notice_of(resolved, "team")
    assert notice is not None
    assert notice.type == "mlmagic.AlertResolved"
    assert notice.data == {
        "AlertRule": "slow",
        "Severity": "error",
        "MonitorCondition": "Resolved",
        "Condition": "p99 > 200ms in 5m, for 2m",
        "Value": "p99 is 9 ms",
        "ServiceName": "svc",
        "ServiceId": service.id,
        "FiredDateTime": "1970-01-01T00:18:40+00:00",
        "ResolvedDateTime": "1970-01-01T00:20:00+00:00",
        "Description": "look",
    }


@pytest.mark.parametrize("state", [AlertState.PENDING, AlertState.FIRING])
@pytest.mark.parametrize("ends", ["rule", "service"])
def test_what_is_deleted_leaves_no_alert(
    memory: Memory, service: Webservice, state: AlertState, ends: str
) -> None:
    with memory.writing() as tx:
        alerts.write(tx, Alert("slow", service.id), alert(service, state, 1000.0), RULE, "svc")
        if ends == "rule":
            alerts.remove_rule(tx, "slow")
        else:
            services.remove(tx, service, "deleted svc")
        assert alerts.list_alerts(tx) == []
        assert alerts.rule_names(tx) == ([] if ends == "rule" else ["slow"])
        kinds = [each.kind for each in events.newest(tx, 9, subject="services/svc")]
    assert (EventKind.ALERT_RESOLVED in kinds) is (state is AlertState.FIRING)
