"""Alert rules, and the next state of an alert."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.alert import (
    UNWATCHED_SECONDS,
    Alert,
    AlertRule,
    AlertState,
    Severity,
    duration_text,
    next_alert,
)
from mlmagic.core.alert_arguments import rule_of
from mlmagic.core.alert_condition import AlertCondition, Outcome
from mlmagic.errors import InvalidConfig

INACTIVE, PENDING, FIRING = AlertState
HOLDS, NO, NO_DATA = Outcome(True, "p99 is 9 ms"), Outcome(False, "p99 is 1 ms"), Outcome(None, "no requests")
RULE = AlertRule("slow", AlertCondition.parse("p99 > 5ms"), for_seconds=60)
NONE = Alert("slow", "ab12")


def alert(state: AlertState, since: float, checked: float) -> Alert:
    return replace(NONE, state=state, since=since, checked_time=checked)


@pytest.mark.parametrize(
    ("before", "outcome", "for_seconds", "state", "since"),
    [
        (NONE, NO, 60, INACTIVE, 0),
        (NONE, NO_DATA, 0, INACTIVE, 0),
        (NONE, HOLDS, 60, PENDING, 1000),
        (NONE, HOLDS, 0, FIRING, 1000),
        (alert(PENDING, 950, 995), HOLDS, 60, PENDING, 950),
        (alert(PENDING, 940, 995), HOLDS, 60, FIRING, 1000),
        (alert(PENDING, 950, 995), NO, 60, INACTIVE, 1000),
        (alert(PENDING, 950, 995), NO_DATA, 60, INACTIVE, 1000),
        # Nobody has seen that it held all the time: as after the machine slept.
        (alert(PENDING, 0, 1000 - UNWATCHED_SECONDS - 1), HOLDS, 60, PENDING, 1000),
        # The clock was set back.
        (alert(PENDING, 1900, 2000), HOLDS, 60, PENDING, 1000),
        (alert(FIRING, 900, 900), HOLDS, 60, FIRING, 900),
        (alert(FIRING, 0, 0), HOLDS, 60, FIRING, 0),
        (alert(FIRING, 900, 900), NO, 60, INACTIVE, 1000),
        (alert(FIRING, 900, 900), NO_DATA, 60, INACTIVE, 1000),
    ],
)
def test_the_next_state(
    before: Alert, outcome: Outcome, for_seconds: float, state: AlertState, since: float
) -> None:
    after = next_alert(before, replace(RULE, for_seconds=for_seconds), outcome, 1000.0)
    assert (after.state, after.since) == (state, since)


def test_an_alert_knows_what_was_measured() -> None:
    fired = next_alert(NONE, replace(RULE, for_seconds=0), HOLDS, 1000.0)
    assert (fired.value, fired.condition, fired.severity) == ("p99 is 9 ms", "p99 > 5ms", Severity.WARNING)
    assert next_alert(fired, RULE, HOLDS, 2000.0) is fired
    assert next_alert(fired, RULE, NO_DATA, 2000.0).value == "no requests"


@pytest.mark.parametrize(
    ("pattern", "service", "watched"),
    [("*", "wine", True), ("wine-*", "wine-svc", True), ("wine-*", "wine", False), ("wine", "wine", True)],
)
def test_which_services_a_rule_watches(pattern: str, service: str, watched: bool) -> None:
    assert replace(RULE, service=pattern).watches(service) is watched


def test_a_rule_of_options() -> None:
    rule = rule_of(
        "slow",
        {"condition": "p99>5ms", "for_": "2m", "window": "90s", "severity": "0", "service": "wine-*"},
    )
    assert rule == AlertRule("slow", AlertCondition.parse("p99 > 5ms"), "wine-*", 120, 90, Severity.CRITICAL)
    assert rule.words == "p99 > 5ms in 90s, for 2m"
    assert AlertRule.of_record(rule.to_record()) == rule
    assert rule_of("sick", {"condition": "state == Failed"}).words == "state == Failed"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("a", {}, "alert rule name 'a' must be 3 to 64 letters"),
        ("slow", {"condition": None}, "condition '' must be given"),
        ("slow", {"service": "Wine SVC"}, "service 'Wine SVC' must be the name of a service, or a pattern"),
        ("slow", {"for_": "soon"}, "--for 'soon' must be a number, perhaps with a unit: s, m, h"),
        ("slow", {"for_": "-1"}, "for '-1s' must be from 0 seconds to 7 days"),
        ("slow", {"for_": "nan"}, "for 'nans' must be"),
        ("slow", {"window": "5s"}, "window '5s' must be from 10 seconds to 15 minutes"),
        ("slow", {"window": "1h"}, "window '3600s' must be"),
        ("slow", {"severity": "bad"}, "severity 'bad' must be one of critical (0), error (1), warning (2)"),
    ],
)
def test_what_is_wrong_is_named(name: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        rule_of(name, {"condition": "p99 > 5ms", **given})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (90, "90s"), (300, "5m"), (7200, "2h"), (0.5, "0.5s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
