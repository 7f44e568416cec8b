"""Alert rules and alerts: which services a rule watches, and when its alert fires and is resolved.

As in Prometheus, an alert is inactive, pending while its condition holds but not for long enough yet, or
firing. `next_alert` is the whole decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from mlmagic.core.alert_condition import AlertCondition, Outcome
from mlmagic.core.traffic_history import PERIOD_SECONDS, WINDOW_SECONDS
from mlmagic.errors import InvalidConfig

ALL_SERVICES = "*"
DEFAULT_WINDOW_SECONDS = 300.0
LONGEST_FOR_SECONDS = 7 * 24 * 3600.0
UNWATCHED_SECONDS = 60.0
"""A condition that nobody has evaluated for so long has not been seen to hold: it begins anew."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,63}")
_PATTERN = re.compile(r"[a-z0-9*?-]{1,64}")


class Severity(StrEnum):
    """How serious an alert is: Azure Monitor's five, from 0 to 4."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFORMATIONAL = "informational"
    VERBOSE = "verbose"

    @classmethod
    def named(cls, text: str) -> Severity:
        """A severity by its name or its number. Raises `InvalidConfig`."""
        plain = str(text).strip().lower()
        for number, severity in enumerate(cls):
            if plain in (severity, str(number)):
                return severity
        names = ", ".join(f"{severity} ({number})" for number, severity in enumerate(cls))
        raise InvalidConfig("severity", text, f"must be one of {names}")


class AlertState(StrEnum):
    """The state of a rule's alert at one service."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When to alert about which services. Raises `InvalidConfig` for a value out of its range."""

    name: str
    condition: AlertCondition
    service: str = ALL_SERVICES
    """The name of a service, or a pattern with ``*`` and ``?``."""
    for_seconds: float = 0.0
    """How long the condition must hold before the alert fires."""
    window_seconds: float = DEFAULT_WINDOW_SECONDS
    """How far back error rates, latencies and request rates look."""
    severity: Severity = Severity.WARNING
    description: str = ""
    created_time: float = 0.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            rule = "must be 3 to 64 letters, digits, '-' or '_', with a letter or digit first"
            raise InvalidConfig("alert rule name", self.name, rule)
        if not _PATTERN.fullmatch(self.service):
            rule = "must be the name of a service, or a pattern with * and ?"
            raise InvalidConfig("service", self.service, rule, hint="For example wine-svc or 'wine-*'.")
        if not 0 <= self.for_seconds <= LONGEST_FOR_SECONDS:
            raise InvalidConfig("for", f"{self.for_seconds:g}s", "must be from 0 seconds to 7 days")
        if not PERIOD_SECONDS <= self.window_seconds <= WINDOW_SECONDS:
            rule = f"must be from {PERIOD_SECONDS:g} seconds to {WINDOW_SECONDS / 60:g} minutes"
            raise InvalidConfig("window", f"{self.window_seconds:g}s", rule)

    def watches(self, service: str) -> bool:
        """Whether the rule is about a service."""
        return fnmatchcase(service, self.service)

    @property
    def watched(self) -> str:
        """Which services, in words."""
        return "all services" if self.service == ALL_SERVICES else self.service

    @property
    def words(self) -> str:
        """The condition with its times: ``error_rate > 5% in 5m, for 2m``."""
        window = f" in {duration_text(self.window_seconds)}" if self.condition.needs_traffic else ""
        lasting = f", for {duration_text(self.for_seconds)}" if self.for_seconds else ""
        return f"{self.condition}{window}{lasting}"

    def to_record(self) -> dict[str, Any]:
        """As JSON values; see `of_record`."""
        return {**asdict(self), "condition": str(self.condition)}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> AlertRule:
        """The rule of a record."""
        return cls(
            **{
                **record,
                "condition": AlertCondition.parse(record["condition"]),
                "severity": Severity(record["severity"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert of one rule at one service. Times are in seconds since the epoch."""

    rule: str
    service_id: str
    state: AlertState = AlertState.INACTIVE
    since: float = 0.0
    """When the state began."""
    checked_time: float = 0.0
    """When the condition was evaluated last; not kept up to date while it fires."""
    severity: Severity = Severity.WARNING
    condition: str = ""
    value: str = ""
    """What was measured when the state began."""


def next_alert(before: Alert, rule: AlertRule, outcome: Outcome, now: float) -> Alert:
    """The alert after an evaluation; ``before`` is the one of the evaluation before.

    Without data the condition does not hold. The result is unchanged but for ``checked_time`` where nothing
    has happened.
    """
    if not outcome.holds:
        if before.state is AlertState.INACTIVE:
            return before
        return replace(before, state=AlertState.INACTIVE, since=now, checked_time=now, value=outcome.words)
    if before.state is AlertState.FIRING:
        return before
    seen = before.state is AlertState.PENDING and 0 <= now - before.checked_time <= UNWATCHED_SECONDS
    since = before.since if seen else now
    alert = Alert(
        rule.name,
        before.service_id,
        AlertState.PENDING,
        since,
        now,
        rule.severity,
        str(rule.condition),
        outcome.words,
    )
    is_due = now - since >= rule.for_seconds
    return replace(alert, state=AlertState.FIRING, since=now) if is_due else alert


def duration_text(seconds: float) -> str:
    """A duration as options take it: ``90s``, ``5m``, ``2h``."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
