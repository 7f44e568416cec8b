"""Evaluates the alert rules at the services of a supervisor, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable

from mlmagic.core.alert import Alert, AlertRule, next_alert
from mlmagic.core.webservice import Webservice
from mlmagic.engine.alerts.reading import Readings
from mlmagic.workspace import alerts, services
from mlmagic.workspace.database import now
from mlmagic.workspace.memory import Memory

EVALUATION_SECONDS = 5.0


class AlertEvaluation:
    """One for each supervisor. At rest nothing is written."""

    def __init__(self, memory: Memory, mark: str) -> None:
        """``mark`` is the name that the supervisor's leases carry."""
        self._memory, self._mark = memory, mark
        self._due = 0.0

    def is_due(self, at: float) -> bool:
        """Whether to evaluate, at ``at`` of the monotonic clock."""
        return at >= self._due

    def run(self, held: Iterable[Webservice]) -> None:
        """Evaluate every rule at those of the services ``held`` that it watches, and record what changes."""
        self._due = time.monotonic() + EVALUATION_SECONDS
        with self._memory.reading() as tx:
            rules = alerts.list_rules(tx)
            if not rules:
                return
            known = {(each.rule, each.service_id): each for each in alerts.list_alerts(tx)}
            readings, time_now = Readings(tx), now(tx)
            changes = []
            for service in held:
                for rule in rules:
                    if rule.watches(service.name):
                        before = known.get((rule.name, service.id), Alert(rule.name, service.id))
                        after = next_alert(before, rule, readings.outcome(rule, service), time_now)
                        if after != before:
                            changes.append((service, rule, before, after))
        if changes:
            self._record(changes)

    def _record(self, changes: list[tuple[Webservice, AlertRule, Alert, Alert]]) -> None:
        # A pending alert is written at each evaluation, and nobody waits for that.
        notable = any(after.state is not before.state for _, _, before, after in changes)
        with self._memory.writing() if notable else self._memory.writing_quietly() as tx:
            tokens = services.lease_tokens(tx, self._mark)
            rules = {rule.name: rule for rule in alerts.list_rules(tx)}
            for service, rule, before, after in changes:
                # Another supervisor may have taken the service over, or somebody may have deleted the rule.
                if tokens.get(service.id) == service.lease_token and rules.get(rule.name) == rule:
                    alerts.write(tx, before, after, rule, service.name)
