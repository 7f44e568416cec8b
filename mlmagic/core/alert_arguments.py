"""The options of an alert rule: those of `%alert create` and of ``mlmagic alert create``, from one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlmagic.core.arguments import SECONDS, read_quantity
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from mlmagic.core.alert import AlertRule

GROUP = "Rule"
ROWS = (
    OptionRow(
        "condition",
        ("--condition",),
        'When to alert: "error_rate > 5%", "p99 > 200ms" (or p50, p90, p95), "request_rate < 1", '
        '"state == Unhealthy|Failed" or "drift".',
        "CONDITION",
    ),
    OptionRow(
        "service",
        ("--service",),
        "The service to watch, or a pattern such as wine-*. Default: all services.",
        "SERVICE",
    ),
    OptionRow(
        "for_",
        ("--for",),
        "How long the condition must hold before the alert fires, such as 2m. Default: 0s.",
        "TIME",
    ),
    OptionRow(
        "window",
        ("--window-size",),
        "How far back error rate, latency and request rate look, from 10s to 15m. Default: 5m.",
        "TIME",
    ),
    OptionRow(
        "severity",
        ("--severity",),
        "critical, error, warning, informational or verbose, or their numbers from 0 to 4. Default: warning.",
        "SEVERITY",
    ),
    OptionRow("description", ("--description",), "A text for whoever receives the alert.", "TEXT"),
)


def rule_of(name: str, given: Mapping[str, Any]) -> AlertRule:
    """The rule of the texts of these options by name. Raises `InvalidConfig`."""
    from mlmagic.core.alert import ALL_SERVICES, AlertRule, Severity
    from mlmagic.core.alert_condition import EXAMPLE, AlertCondition

    if not given.get("condition"):
        raise InvalidConfig("condition", "", "must be given", hint=EXAMPLE)
    times = {
        field: read_quantity(f"--{option}", given[row], SECONDS)
        for field, row, option in (
            ("for_seconds", "for_", "for"),
            ("window_seconds", "window", "window-size"),
        )
        if given.get(row) is not None
    }
    return AlertRule(
        name,
        AlertCondition.parse(given["condition"]),
        given.get("service") or ALL_SERVICES,
        severity=Severity.named(given.get("severity") or Severity.WARNING),
        description=given.get("description") or "",
        **times,
    )
