"""`Recurrence`: when a schedule starts its runs.

Minutes and hours are counted as time that passes. Days, weeks and months are counted on the calendar of the
time zone, so that 08:00 stays 08:00 when daylight saving time begins or ends. A time that the clocks skip
is as much later as they skip, and a time that they show twice counts once, the first time.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from mlmagic.core.time_zones import TimeZone
from mlmagic.errors import InvalidConfig, nearest

_TIME_FORMAT = "YYYY-MM-DDThh:mm:ss"


class Frequency(StrEnum):
    """The unit of time of a recurrence."""

    MINUTE = "Minute"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


LONGEST = {
    Frequency.MINUTE: 72_000,
    Frequency.HOUR: 12_000,
    Frequency.DAY: 500,
    Frequency.WEEK: 71,
    Frequency.MONTH: 16,
}
"""The longest interval of each frequency: as in Azure, whose schedules are those of Logic Apps."""
WEEK_DAYS = tuple(calendar.day_name[number] for number in range(7))
_SECONDS = {Frequency.MINUTE: 60, Frequency.HOUR: 3600}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Every ``interval`` of ``frequency``. Raises `InvalidConfig` for values that break a rule.

    ``start_time`` is in ``time_zone``. One in the past sets the rhythm, and the first run is the next in it.
    Without a start time the first run is at once. ``hours`` and ``minutes`` are times of the day, and
    ``week_days`` days of the week. Left out, they are those of the start time. Without a start time ``hours``
    are full hours.
    """

    frequency: Frequency
    interval: int
    start_time: datetime | None = None
    time_zone: TimeZone = TimeZone.UTC
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_days: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        frequency: Any,
        interval: Any,
        start_time: Any = None,
        time_zone: Any = None,
        hours: Any = None,
        minutes: Any = None,
        week_days: Any = None,
        time_of_day: Any = None,
    ) -> Recurrence:
        """The recurrence of values as users and records write them; ``time_of_day`` is text like 15:30."""
        unit = _frequency(frequency)
        _check_interval(unit, interval)
        if time_of_day is not None:
            if hours is not None or minutes is not None:
                raise InvalidConfig(
                    "time_of_day",
                    time_of_day,
                    "excludes hours and minutes",
                    hint="Give time_of_day, or hours and minutes.",
                )
            hours, minutes = _clock(time_of_day)
        made = cls(
            unit,
            interval,
            _start(start_time),
            TimeZone.parse(str(time_zone)) if time_zone is not None else TimeZone.UTC,
            _numbers("hours", hours, 23),
            _numbers("minutes", minutes, 59),
            _days(week_days),
        )
        made._check_marks()
        return made

    def to_record(self) -> dict[str, Any]:
        """The arguments of `parse`, as JSON values."""
        return {
            "frequency": self.frequency.value,
            "interval": self.interval,
            "start_time": self.start_time.isoformat() if self.start_time is not None else None,
            "time_zone": self.time_zone.value,
            "hours": list(self.hours) or None,
            "minutes": list(self.minutes) or None,
            "week_days": list(self.week_days) or None,
        }

    def first_time(self, created: float) -> float:
        """When a schedule made at ``created`` starts its first run; both in seconds since 1970."""
        return created if self.start_time is None else self.next_time(created, created)

    def next_time(self, after: float, created: float) -> float:
        """The first time after ``after``, in seconds since 1970.

        ``created`` is when the schedule was made: it sets the rhythm if there is no start time.
        """
        zone = self.time_zone.rules
        # Whole seconds: rounded, the time of creation could come after itself, and be the next time.
        base = self.start_time or datetime.fromtimestamp(int(created), zone).replace(tzinfo=None)
        begin = _timestamp(base, zone)
        if self.frequency in _SECONDS:
            step = self.interval * _SECONDS[self.frequency]
            return begin if after < begin else begin + ((after - begin) // step + 1) * step
        # A start time that is one of the times given is not a time of its own: that is Azure ML v1's rule.
        earliest = begin if self._has_marks else begin - 1
        for moments in self._periods(base, datetime.fromtimestamp(after, zone).date()):
            times = sorted(_timestamp(moment, zone) for moment in moments)
            found = next((each for each in times if each > max(after, earliest)), None)
            if found is not None:
                return found
        raise AssertionError("a recurrence has no end")

    @property
    def _has_marks(self) -> bool:
        return bool(self.hours or self.minutes or self.week_days)

    def _check_marks(self) -> None:
        """Raises `InvalidConfig` for times and days that do not belong to the frequency."""
        for name in ("hours", "minutes"):
            if getattr(self, name) and self.frequency not in (Frequency.DAY, Frequency.WEEK):
                raise InvalidConfig(
                    name,
                    list(getattr(self, name)),
                    f"must be left out for the frequency {self.frequency}",
                    hint="Use the frequency Day or Week, or set start_time.",
                )
        if self.week_days and self.frequency is not Frequency.WEEK:
            raise InvalidConfig(
                "week_days",
                list(self.week_days),
                f"must be left out for the frequency {self.frequency}",
                hint="Use the frequency Week.",
            )

    def _periods(self, base: datetime, near: date) -> Iterator[list[datetime]]:
        """The times in each period, from the one before ``near`` on, on the clocks of the time zone."""
        times = self._times(base)
        if self.frequency is Frequency.MONTH:
            months = (near.year - base.year) * 12 + near.month - base.month
            for number in _from(months, self.interval):
                yield [_plus_months(base, number * self.interval)]
        elif self.frequency is Frequency.WEEK:
            monday = base.date() - timedelta(base.weekday())
            numbers = [WEEK_DAYS.index(day) for day in self.week_days] or [base.weekday()]
            for number in _from((near - monday).days // 7, self.interval):
                week = monday + timedelta(weeks=number * self.interval)
                yield [datetime.combine(week + timedelta(day), each) for day in numbers for each in times]
        else:
            for number in _from((near - base.date()).days, self.interval):
                day = base.date() + timedelta(number * self.interval)
                yield [datetime.combine(day, each) for each in times]

    def _times(self, base: datetime) -> list[time]:
        """The times of a day."""
        if not (self.hours or self.minutes):
            return [base.time()]
        default = 0 if self.start_time is None else base.minute
        return [
            time(hour, minute) for hour in self.hours or [base.hour] for minute in self.minutes or [default]
        ]


def _from(passed: int, interval: int) -> Iterator[int]:
    """The numbers of the periods, from the one before that in which ``passed`` units have passed."""
    return itertools.count(max(0, passed // interval - 1))


def _plus_months(base: datetime, months: int) -> datetime:
    """The same day in a later month, or the last day of a month that is shorter."""
    year, month = divmod(base.year * 12 + base.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return base.replace(year=year, month=month + 1, day=min(base.day, last))


def _timestamp(moment: datetime, zone: tzinfo) -> float:
    return moment.replace(tzinfo=zone).timestamp()


def _frequency(given: Any) -> Frequency:
    try:
        return Frequency(given)
    except ValueError:
        like = nearest(str(given).capitalize(), [each.value for each in Frequency])
        raise InvalidConfig(
            "frequency",
            given,
            f"must be one of {', '.join(Frequency)}",
            hint=f"Did you mean {like!r}?" if like else "",
        ) from None


def _check_interval(frequency: Frequency, given: Any) -> None:
    most = LONGEST[frequency]
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
        raise InvalidConfig("interval", given, f"must be a whole number from 1 to {most} for {frequency}")


def _start(given: Any) -> datetime | None:
    if given is None or given == "":
        return None
    rule = f"must be a datetime or text like {_TIME_FORMAT}"
    try:
        start = given if isinstance(given, datetime) else datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise InvalidConfig("start_time", given, rule, hint="For example 2026-01-31T08:00:00.") from None
    if start.tzinfo is not None:
        raise InvalidConfig(
            "start_time",
            str(given),
            "must have no time zone of its own",
            hint="Give the time zone as time_zone, for example time_zone=TimeZone.UTC.",
        )
    if not 1970 < start.year < 9000:
        raise InvalidConfig("start_time", str(given), "must be a year after 1970 and before 9000")
    return start.replace(microsecond=0)  # with fractions, a time could be rounded to come before itself


def _numbers(name: str, given: Any, most: int) -> tuple[int, ...]:
    found = _listed(given)
    for each in found:
        if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each <= most:
            raise InvalidConfig(name, each, f"must be whole numbers from 0 to {most}")
    return tuple(sorted(set(found)))


def _days(given: Any) -> tuple[str, ...]:
    words = given.split(",") if isinstance(given, str) else _listed(given)
    found = {str(word).strip().capitalize(): word for word in words}
    for name, word in found.items():
        if name not in WEEK_DAYS:
            like = nearest(name, WEEK_DAYS)
            raise InvalidConfig(
                "week_days",
                word,
                f"must be names such as {WEEK_DAYS[0]}",
                hint=f"Did you mean {like!r}?" if like else "",
            )
    return tuple(sorted(found, key=WEEK_DAYS.index))


def _clock(given: Any) -> tuple[int, int]:
    """The hour and minute of a time of the day."""
    hour, _, minute = str(given).partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise InvalidConfig("time_of_day", given, "must be a time like 15:30")
    return int(hour), int(minute)


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
