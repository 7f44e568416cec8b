from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlmagic.core.recurrence import Frequency, Recurrence
from mlmagic.core.time_zones import TimeZone
from mlmagic.errors import InvalidConfig

BERLIN = TimeZone.WEuropeStandardTime
PACIFIC = TimeZone.PacificStandardTime
CREATED = "2026-03-27T10:20:30"
"""A Friday; the clocks of Berlin go forward on Sunday the 29th, from 02:00 to 03:00."""


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def times(recurrence: Recurrence, count: int, after: str = CREATED) -> list[str]:
    """The next times after ``after`` (UTC), on the clocks of the recurrence's time zone."""
    found, now = [], seconds(after)
    for _ in range(count):
        now = recurrence.next_time(now, seconds(CREATED))
        local = datetime.fromtimestamp(now, ZoneInfo(recurrence.time_zone.iana))
        found.append(local.strftime("%Y-%m-%d %a %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"frequency": "Minute", "interval": 15},
            ["2026-03-27 Fri 10:35:30", "2026-03-27 Fri 10:50:30", "2026-03-27 Fri 11:05:30"],
        ),
        (  # a start time in the past sets the rhythm: the 55th minute of each hour
            {"frequency": "Hour", "interval": 1, "start_time": "2020-01-13T12:55:00"},
            ["2026-03-27 Fri 10:55:00", "2026-03-27 Fri 11:55:00"],
        ),
        (  # one in the future is the first time
            {"frequency": "Hour", "interval": 7, "start_time": "2026-03-28T00:00:00"},
            ["2026-03-28 Sat 00:00:00", "2026-03-28 Sat 07:00:00"],
        ),
        (
            {"frequency": "Day", "interval": 2},
            ["2026-03-29 Sun 10:20:30", "2026-03-31 Tue 10:20:30"],
        ),
        (
            {"frequency": "Day", "interval": 1, "hours": [22, 8], "minutes": [30, 0]},
            [
                "2026-03-27 Fri 22:00:00",
                "2026-03-27 Fri 22:30:00",
                "2026-03-28 Sat 08:00:00",
                "2026-03-28 Sat 08:30:00",
            ],
        ),
        (  # full hours without a start time, its minutes with one
            {"frequency": "Day", "interval": 1, "hours": 12},
            ["2026-03-27 Fri 12:00:00", "2026-03-28 Sat 12:00:00"],
        ),
        (
            {"frequency": "Day", "interval": 1, "hours": 12, "start_time": "2026-01-01T09:15:00"},
            ["2026-03-27 Fri 12:15:00"],
        ),
        (  # a start time that is one of the times given starts no run
            {"frequency": "Day", "interval": 1, "start_time": "2026-04-01T08:00:00", "time_of_day": "08:00"},
            ["2026-04-02 Thu 08:00:00"],
        ),
        (
            {"frequency": "Day", "interval": 1, "start_time": "2026-04-01T08:00:00"},
            ["2026-04-01 Wed 08:00:00"],
        ),
        (
            {
                "frequency": "Week",
                "interval": 2,
                "week_days": ["Wednesday", "Monday"],
                "time_of_day": "18:30",
            },
            [
                "2026-04-06 Mon 18:30:00",
                "2026-04-08 Wed 18:30:00",
                "2026-04-20 Mon 18:30:00",
                "2026-04-22 Wed 18:30:00",
            ],
        ),
        (
            {"frequency": "Week", "interval": 1, "week_days": "friday", "time_of_day": "9:05"},
            ["2026-04-03 Fri 09:05:00", "2026-04-10 Fri 09:05:00"],
        ),
        (
            {"frequency": "Week", "interval": 1, "start_time": "2026-04-02T07:00:00"},
            ["2026-04-02 Thu 07:00:00", "2026-04-09 Thu 07:00:00"],
        ),
        (
            {"frequency": "Month", "interval": 1, "start_time": "2020-11-01T00:00:00"},
            ["2026-04-01 Wed 00:00:00", "2026-05-01 Fri 00:00:00"],
        ),
        (  # the last day of a month that is shorter, and the same day again in the next
            {"frequency": "Month", "interval": 1, "start_time": "2026-01-31T09:00:00"},
            ["2026-03-31 Tue 09:00:00", "2026-04-30 Thu 09:00:00", "2026-05-31 Sun 09:00:00"],
        ),
        (
            {"frequency": "Month", "interval": 16, "start_time": "2025-11-30T09:00:00"},
            ["2027-03-30 Tue 09:00:00", "2028-07-30 Sun 09:00:00"],
        ),
    ],
)
def test_the_times_of_a_recurrence(given: dict[str, Any], expected: list[str]) -> None:
    assert times(Recurrence.parse(**given), len(expected)) == expected


@pytest.mark.parametrize(
    ("given", "after", "expected"),
    [
        (  # 08:00 stays 08:00
            {"frequency": "Day", "time_zone": BERLIN, "time_of_day": "08:00"},
            "2026-03-28T12:00:00",
            ["2026-03-29 Sun 08:00:00", "2026-03-30 Mon 08:00:00"],
        ),
        (  # a time that the clocks skip is later by what they skip
            {"frequency": "Day", "time_zone": BERLIN, "time_of_day": "02:30"},
            "2026-03-28T12:00:00",
            ["2026-03-29 Sun 03:30:00", "2026-03-30 Mon 02:30:00"],
        ),
        (  # a time that they show twice counts once
            {"frequency": "Day", "time_zone": BERLIN, "time_of_day": "02:30"},
            "2026-10-24T12:00:00",
            ["2026-10-25 Sun 02:30:00", "2026-10-26 Mon 02:30:00"],
        ),
        (  # hours are hours that pass
            {"frequency": "Hour", "interval": 12, "time_zone": BERLIN, "start_time": "2026-03-28T20:00:00"},
            "2026-03-28T12:00:00",
            ["2026-03-28 Sat 20:00:00", "2026-03-29 Sun 09:00:00", "2026-03-29 Sun 21:00:00"],
        ),
        (
            {"frequency": "Week", "time_zone": PACIFIC, "week_days": "Sunday", "time_of_day": "23:30"},
            "2026-10-30T00:00:00",
            ["2026-11-01 Sun 23:30:00", "2026-11-08 Sun 23:30:00"],
        ),
    ],
)
def test_daylight_saving_time(given: dict[str, Any], after: str, expected: list[str]) -> None:
    recurrence = Recurrence.parse(**{"interval": 1, **given})
    assert times(recurrence, len(expected), after) == expected


def test_without_a_start_time_the_first_run_is_at_once() -> None:
    now = seconds(CREATED)
    assert Recurrence.parse("Week", 1, week_days="Monday").first_time(now) == now
    past = Recurrence.parse("Hour", 1, start_time=datetime(2020, 1, 1))
    assert past.first_time(now) == seconds("2026-03-27T11:00:00")


@pytest.mark.parametrize("frequency", Frequency)
def test_the_time_of_creation_is_not_a_next_time(frequency: Frequency) -> None:
    recurrence = Recurrence.parse(frequency, 1)
    for part in range(100):
        created = seconds(CREATED) + part / 100 + 7e-7
        assert recurrence.next_time(created, created) >= int(created) + 60


def test_missed_times_are_one() -> None:
    recurrence = Recurrence.parse("Minute", 1, start_time="2026-01-01T00:00:00")
    assert recurrence.next_time(seconds(CREATED), 0.0) == seconds("2026-03-27T10:21:00")


@example(
    Frequency.MINUTE,
    1,
    TimeZone.UTC,
    datetime(2000, 1, 1, microsecond=26499),
    datetime(2038, 2, 1, 0, 0, 0, 26499),
    [],
    [],
)
@given(
    frequency=st.sampled_from(Frequency),
    interval=st.integers(1, 16),
    zone=st.sampled_from(TimeZone),
    start=st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    after=st.datetimes(datetime(1999, 1, 1), datetime(2050, 1, 1)),
    hours=st.lists(st.integers(0, 23), max_size=3),
    minutes=st.lists(st.integers(0, 59), max_size=3),
)
def test_times_come_one_after_another(
    frequency: Frequency,
    interval: int,
    zone: TimeZone,
    start: datetime | None,
    after: datetime,
    hours: list[int],
    minutes: list[int],
) -> None:
    marks = {"hours": hours, "minutes": minutes} if frequency in ("Day", "Week") else {}
    recurrence = Recurrence.parse(frequency, interval, start, zone, **marks)
    assert Recurrence.parse(**recurrence.to_record()) == recurrence
    now = after.replace(tzinfo=UTC).timestamp()
    following = recurrence.next_time(now, now)
    assert following > now
    # From any moment in between it is the same.
    assert recurrence.next_time(now + (following - now) * 0.7, now) == following


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frequency": "Days"}, "must be one of Minute, Hour, Day, Week, Month. Did you mean 'Day'?"),
        ({"interval": 0}, "interval 0 must be a whole number from 1 to 500 for Day"),
        ({"interval": 501}, "interval 501 must be"),
        ({"interval": 1.5}, "interval 1.5 must be"),
        ({"interval": True}, "interval True must be"),
        ({"start_time": "tomorrow"}, "start_time 'tomorrow' must be a datetime or text like YYYY-MM"),
        ({"start_time": 5}, "start_time 5 must be"),
        ({"start_time": datetime(2026, 1, 1, tzinfo=UTC)}, "must have no time zone of its own. Give"),
        ({"start_time": datetime(1900, 1, 1)}, "must be a year after 1970"),
        ({"time_zone": "Pacific Time"}, "Did you mean 'Pacific Standard Time'?"),
        ({"hours": [24]}, "hours 24 must be whole numbers from 0 to 23"),
        ({"minutes": [-1]}, "minutes -1 must be whole numbers from 0 to 59"),
        ({"hours": ["8"]}, "hours '8' must be"),
        ({"time_of_day": "25:00"}, "time_of_day '25:00' must be a time like 15:30"),
        ({"time_of_day": "8"}, "time_of_day '8' must be"),
        ({"time_of_day": "08:00", "hours": [8]}, "time_of_day '08:00' excludes hours and minutes"),
        ({"week_days": ["Monday"]}, "week_days ['Monday'] must be left out for the frequency Day"),
        ({"frequency": "Week", "week_days": "Mondy"}, "must be names such as Monday. Did you mean 'Monday'?"),
        ({"frequency": "Month", "interval": 1, "hours": [8]}, "must be left out for the frequency Month"),
    ],
)
def test_what_breaks_a_rule_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        Recurrence.parse(**{"frequency": "Day", "interval": 1, **given})
    assert message in str(caught.value)


def test_a_long_pause_between_looks_costs_nothing() -> None:
    recurrence = Recurrence.parse("Minute", 1, start_time="1971-01-01T00:00:00")
    after = datetime(8000, 1, 1, tzinfo=UTC)
    assert recurrence.next_time(after.timestamp(), 0.0) == (after + timedelta(minutes=1)).timestamp()
