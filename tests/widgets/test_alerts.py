"""What people see of alert rules."""

from __future__ import annotations

import time

from mlmagic.core.alert import Alert, AlertState, Severity
from mlmagic.core.alert_arguments import rule_of
from mlmagic.engine.alerts.alerts import AlertStatus
from mlmagic.errors import Front
from mlmagic.widgets.alerts import alert_rows, alerts_listing, card_line

SLOW = rule_of("slow", {"condition": "p99 > 200ms", "for_": "2m", "severity": "error"})
OTHER = rule_of("sick", {"condition": "state == Failed", "service": "none-*"})


def found() -> list[AlertStatus]:
    return [
        AlertStatus(SLOW, "wine", AlertState.FIRING, time.time() - 120, "p99 is 312 ms"),
        AlertStatus(SLOW, "iris", AlertState.INACTIVE, None, "no requests"),
    ]


def test_a_row_for_each_rule_and_service() -> None:
    text = alerts_listing([SLOW, OTHER], found()).text_for(Front.COMMAND)
    assert [line.split("  ")[0].strip() for line in text.splitlines()[-3:]] == ["slow", "slow", "sick"]
    for words in (
        "▲ firing, 2 min ago",
        "p99 is 312 ms",
        "● inactive",
        "no requests",
        "p99 > 200ms in 5m, for 2m",
        "no such service",
    ):
        assert words in text


def test_without_rules_it_says_how_to_create_one() -> None:
    assert "%alert create NAME" in alerts_listing([], []).text_for(Front.MAGIC)
    assert "mlmagic alert create -n NAME" in alerts_listing([], []).text_for(Front.COMMAND)


def test_the_lines_of_a_card() -> None:
    assert card_line(found()) == "slow: firing, p99 is 312 ms; slow: inactive, no requests"
    assert card_line([]) == ""
    firing, pending = AlertState.FIRING, AlertState.PENDING
    rows = alert_rows(
        [
            Alert("a", "id", pending, 1.0, 1.0, Severity.CRITICAL, "drift", "drift"),
            Alert("b", "id", firing, 2.0, 2.0, Severity.WARNING, "drift", "drift"),
            Alert("c", "id", firing, 3.0, 3.0, Severity.ERROR, "p99 > 1ms", "p99 is 2 ms\x1b"),
        ]
    )
    assert [each["rule"] for each in rows] == ["c", "b", "a"]
    assert rows[0] == {
        "rule": "c",
        "state": "firing",
        "severity": "error",
        "since": 3.0,
        "words": "p99 > 1ms: p99 is 2 ms\\x1b",
    }
