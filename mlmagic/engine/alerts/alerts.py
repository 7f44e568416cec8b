"""Alert rules of a workspace: create and delete them, and see which alerts fire."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlmagic.core.alert import Alert, AlertRule, AlertState
from mlmagic.engine.alerts.reading import Readings
from mlmagic.workspace import alerts, services
from mlmagic.workspace.memory import Memory


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """A rule at one service that it watches."""

    rule: AlertRule
    service: str
    state: AlertState
    since_time: float | None
    """When the state began; None for an inactive alert."""
    value: str
    """What is measured now; or why nothing is."""


class Alerts:
    """The alert rules of one workspace. Supervisors evaluate them, each at the services whose lease it holds.

    An alert that fires or is resolved is an event, AlertFired or AlertResolved, which webhooks receive. A
    rule stays if its service is deleted: it watches the next service of that name.
    """

    def __init__(self, memory: Memory, supervise: Callable[[], None], on_news: Callable[[], None]) -> None:
        """``supervise`` makes sure that services have a supervisor; ``on_news`` is called when there may be
        something to deliver."""
        self._memory, self._supervise, self._on_news = memory, supervise, on_news

    def create(self, rule: AlertRule) -> AlertRule:
        """Record a rule, which is evaluated from now on. Raises `AlreadyExists`."""
        made = replace(rule, created_time=time.time())
        with self._memory.writing() as tx:
            alerts.add_rule(tx, made)
        self._supervise()
        return made

    def get(self, name: str) -> AlertRule:
        """A rule. Raises `NotFound`."""
        with self._memory.reading() as tx:
            return alerts.get_rule(tx, name)

    def delete(self, name: str) -> None:
        """Delete a rule. Its alerts that fire are resolved. Raises `NotFound`."""
        with self._memory.writing() as tx:
            alerts.remove_rule(tx, name)
        self._on_news()

    def status(self, *, rule: str | None = None, service: str | None = None) -> list[AlertStatus]:
        """Each rule at each service that it watches, with what is measured now; of one rule or service if
        named. Raises `NotFound`."""
        with self._memory.reading() as tx:
            rules = alerts.list_rules(tx) if rule is None else [alerts.get_rule(tx, rule)]
            watched = services.list_services(tx) if service is None else [services.get(tx, service)]
            known = {(each.rule, each.service_id): each for each in alerts.list_alerts(tx)}
            readings, found = Readings(tx), []
            for each in rules:
                for one in watched:
                    if each.watches(one.name):
                        alert = known.get((each.name, one.id), Alert(each.name, one.id))
                        since = None if alert.state is AlertState.INACTIVE else alert.since
                        words = readings.outcome(each, one).words
                        found.append(AlertStatus(each, one.name, alert.state, since, words))
            return found

    def list(self) -> list[AlertRule]:
        """All rules, by name."""
        with self._memory.reading() as tx:
            return alerts.list_rules(tx)
