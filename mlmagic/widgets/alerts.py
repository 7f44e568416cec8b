"""Alert rules and their alerts: a table, and what a service's card shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mlmagic.core.advice import FIRST
from mlmagic.core.alert import Alert, AlertRule, AlertState, Severity
from mlmagic.engine.alerts.alerts import AlertStatus
from mlmagic.errors import Advice
from mlmagic.visible_text import visible
from mlmagic.widgets import html
from mlmagic.widgets.cards import Listing
from mlmagic.widgets.figures import NOT_KNOWN

_HEADINGS = ("Rule", "Service", "State", "Measured", "Condition", "Severity")
_MARKS = {AlertState.FIRING: "▲", AlertState.PENDING: "◌", AlertState.INACTIVE: "●"}


def alerts_listing(rules: Sequence[AlertRule], found: Sequence[AlertStatus]) -> Listing:
    """A row for each rule at each service that it watches; the items of the list are the rules."""
    rows = []
    for rule in rules:
        own = [each for each in found if each.rule == rule]
        rows += [_row(rule, each.service, _state_text(each), each.value) for each in own]
        if not own:
            rows.append(_row(rule, rule.watched, "no such service", NOT_KNOWN))
    none = Advice("No alert rules. Create one with: {first}", first=FIRST["alert rule"])
    return Listing(rules, _HEADINGS, rows, html.count(len(rules), "alert rule") if rules else none)


def card_line(found: Sequence[AlertStatus]) -> str:
    """The rules that watch a service, in its card's details; empty without any."""
    return "; ".join(f"{each.rule.name}: {each.state}, {each.value}" for each in found)


def alert_rows(found: Iterable[Alert]) -> list[dict[str, Any]]:
    """The alerts of a service that are pending or firing, as its card draws them, the most severe first."""
    states, severities = tuple(_MARKS), tuple(Severity)
    severest = sorted(
        found, key=lambda each: (states.index(each.state), severities.index(each.severity), each.rule)
    )
    return [
        {
            "rule": each.rule,
            "state": str(each.state),
            "severity": str(each.severity),
            "since": each.since,
            "words": visible(f"{each.condition}: {each.value}"),
        }
        for each in severest
    ]


def _row(rule: AlertRule, service: str, state: str, value: str) -> list[str]:
    return [rule.name, service, state, value, rule.words, str(rule.severity)]


def _state_text(found: AlertStatus) -> str:
    since = f", {html.ago(found.since_time)}" if found.since_time is not None else ""
    return f"{_MARKS[found.state]} {found.state}{since}"
