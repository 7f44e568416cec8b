"""Reads what a rule's condition looks at: state, traffic and drift of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.core.alert import AlertRule
from mlmagic.core.alert_condition import Metric, Outcome, Reading
from mlmagic.core.traffic_history import TrafficHistory
from mlmagic.core.webservice import Webservice
from mlmagic.engine.drift.drift import last_report
from mlmagic.workspace import traffic_history

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Readings:
    """The readings of one evaluation: the traffic of a service is read once for all rules."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._traffic: dict[str, TrafficHistory] = {}

    def outcome(self, rule: AlertRule, service: Webservice) -> Outcome:
        """What the rule's condition comes to at a service now."""
        condition, traffic, drifted = rule.condition, None, None
        if condition.needs_traffic:
            traffic = self._history(service).last(rule.window_seconds)
        if condition.metric is Metric.DRIFT:
            report = last_report(self._tx, service)
            drifted = report.drifted if report else None
        reading = Reading(service.state, service.serving is not None, traffic, drifted)
        return condition.evaluate(reading)

    def _history(self, service: Webservice) -> TrafficHistory:
        if service.id not in self._traffic:
            self._traffic[service.id] = traffic_history.get(self._tx, service.id)
        return self._traffic[service.id]
