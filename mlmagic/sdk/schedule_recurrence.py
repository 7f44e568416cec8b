"""`ScheduleRecurrence`: how often a schedule starts its pipeline, as Azure ML v1 writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlmagic.core.recurrence import Recurrence
from mlmagic.core.time_zones import TimeZone
from mlmagic.sdk.exceptions import UserErrorException, raises


@raises(UserErrorException)
class ScheduleRecurrence:
    """Every ``interval`` of ``frequency`` (Minute, Hour, Day, Week, Month).

    ``start_time`` is a datetime without a time zone or text like ``2026-01-31T08:00:00``, in ``time_zone``
    (default: UTC). If it is in the past, the first run is at the next time of the rhythm that it begins.
    Without it the first run is at once. With ``hours``, ``minutes`` or ``week_days`` only those times start
    runs, and the start time is when they begin to count. ``hours`` and ``minutes``, or ``time_of_day`` (text
    like ``15:30``), belong to the frequencies Day and Week, ``week_days`` to Week. Times of a day keep their
    hour when daylight saving time begins or ends. Raises `UserErrorException` for a value that breaks a rule.
    Source: ScheduleRecurrence of azureml-pipeline-core.
    """

    def __init__(
        self,
        frequency: str,
        interval: int,
        start_time: datetime | str | None = None,
        time_zone: TimeZone | str | None = None,
        hours: Sequence[int] | None = None,
        minutes: Sequence[int] | None = None,
        week_days: Sequence[str] | None = None,
        time_of_day: str | None = None,
    ) -> None:
        parsed = Recurrence.parse(
            frequency, interval, start_time, time_zone, hours, minutes, week_days, time_of_day
        )
        record = parsed.to_record()
        self.frequency: str = record["frequency"]
        self.interval: int = record["interval"]
        self.start_time: str | None = record["start_time"]
        self.time_zone: TimeZone | str = parsed.time_zone
        self.hours: Sequence[int] | None = record["hours"]
        self.minutes: Sequence[int] | None = record["minutes"]
        self.week_days: Sequence[str] | None = record["week_days"]

    @classmethod
    def of(cls, recurrence: Recurrence) -> ScheduleRecurrence:
        """The object for a recurrence of the engine."""
        return cls(**recurrence.to_record())

    def validate(self) -> None:
        """Raises `UserErrorException` for a value that was changed to one that breaks a rule."""
        self.parsed()

    def parsed(self) -> Recurrence:
        """The recurrence as the engine takes it."""
        return Recurrence.parse(**vars(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScheduleRecurrence) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        given["time_zone"] = str(self.time_zone)
        return f"ScheduleRecurrence({', '.join(f'{name}={value!r}' for name, value in given.items())})"
