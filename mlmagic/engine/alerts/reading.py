"""Reads what a rule's condition looks at: state, traffic and drift of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.core.alert import AlertRule
from mlmagic.core.alert_condition import Metric, Outcome, Reading
from mlmagic.core.traffic_history import LAG_SECONDS, TrafficPoint
from mlmagic.core.webservice import Webservice
from mlmagic.engine.drift.drift import last_report
from mlmagic.workspace import traffic_history

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Readings:
    """The readings of one evaluation: the traffic of a service is read once for rules of the same window."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._traffic: dict[tuple[str, float], TrafficPoint] = {}

    def outcome(self, rule: AlertRule, service: Webservice) -> Outcome:
        """What the rule's condition comes to at a service now."""
        condition, traffic, drifted = rule.condition, None, None
        if condition.needs_traffic:
            traffic = self._last(service, rule.window_seconds)
        if condition.metric is Metric.DRIFT:
            report = last_report(self._tx, service)
            drifted = report.drifted if report else None
        reading = Reading(service.state, service.serving is not None, traffic, drifted)
        return condition.evaluate(reading)

    def _last(self, service: Webservice, seconds: float) -> TrafficPoint:
        key = service.id, seconds
        if key not in self._traffic:
            # The window ends with the newest point, which may be of some seconds ago.
            found = traffic_history.get(self._tx, service.id, seconds + LAG_SECONDS)
            self._traffic[key] = found.last(seconds)
        return self._traffic[key]
