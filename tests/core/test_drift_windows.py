"""The windows of a drift check whose baseline are earlier requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlmagic.core.drift_windows import Windows, windows_of
from mlmagic.errors import Front, InvalidConfig

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("begin", "end", "since", "expected"),
    [
        (None, None, "7d", None),
        ("14d", "7d", "3d", Windows(ago(14), ago(7), ago(3))),
        ("14d", "7d", "7d", Windows(ago(14), ago(7), ago(7))),
        ("14d", None, "7d", Windows(ago(14), ago(7), ago(7))),
        ("14d", "7d", None, Windows(ago(14), ago(7), ago(7))),
        (None, "7d", None, Windows(None, ago(7), ago(7))),
        ("2026-03-24T14:00+02:00", "2026-03-30T12:00", "1d", Windows(ago(7), ago(1), ago(1))),
    ],
)
def test_windows(begin: str | None, end: str | None, since: str | None, expected: Windows | None) -> None:
    given = {"baseline_since": begin, "baseline_until": end, "since": since, "columns": "age"}
    assert windows_of(given, NOW) == expected


@pytest.mark.parametrize(
    ("begin", "end", "since", "words"),
    [
        ("14d", None, None, "baseline_since '14d' has no end, and the baseline must end .* --since 24h"),
        ("14d", "3d", "7d", "baseline_until '3d' is after 7d, and the baseline .* --baseline-until 7d"),
        ("7d", "14d", None, "baseline_since '7d' must be before 14d, where the baseline ends"),
        ("7d", "7d", None, "baseline_since '7d' must be before 7d"),
        ("3d", None, "7d", "baseline_since '3d' must be before 7d"),
        ("soon", "7d", None, "baseline_since 'soon' must be a date, a time, or how long ago"),
    ],
)
def test_windows_that_overlap_or_are_empty_are_refused(
    begin: str | None, end: str | None, since: str | None, words: str
) -> None:
    with pytest.raises(InvalidConfig) as raised:
        windows_of({"baseline_since": begin, "baseline_until": end, "since": since}, NOW)
    raised.value.write_for(Front.COMMAND)
    assert raised.match(words)


def test_the_name_of_a_baseline_has_its_times() -> None:
    assert Windows(ago(14), ago(7), ago(7)).baseline_name == (
        "the requests of 2026-03-17 12:00:00 to 2026-03-24 12:00:00 UTC"
    )
    assert Windows(None, ago(7), ago(7)).baseline_name == "the requests before 2026-03-24 12:00:00 UTC"
