"""`Schedule` and `ScheduleRecurrence`: mlmagic does not run pipelines on a schedule and says what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.sdk.exceptions import UserErrorException, raised_as, raises

FREQUENCIES = ("Minute", "Hour", "Day", "Week", "Month")


class TimeZone:
    """Names of time zones."""

    UTC = "UTC"
    GMTStandardTime = "GMT Standard Time"
    CentralEuropeanStandardTime = "Central European Standard Time"
    WEuropeStandardTime = "W. Europe Standard Time"
    EasternStandardTime = "Eastern Standard Time"
    CentralStandardTime = "Central Standard Time"
    MountainStandardTime = "Mountain Standard Time"
    PacificStandardTime = "Pacific Standard Time"
    IndiaStandardTime = "India Standard Time"
    ChinaStandardTime = "China Standard Time"
    TokyoStandardTime = "Tokyo Standard Time"
    AUSEasternStandardTime = "AUS Eastern Standard Time"


@dataclass
class ScheduleRecurrence:
    """How often: every ``interval`` of ``frequency``. Raises `UserErrorException` for other values."""

    frequency: str
    interval: int
    start_time: Any = None
    time_zone: str | None = None
    hours: Sequence[int] | None = None
    minutes: Sequence[int] | None = None
    week_days: Sequence[str] | None = None
    time_of_day: str | None = None

    def __post_init__(self) -> None:
        with raised_as(UserErrorException):
            if self.frequency not in FREQUENCIES:
                raise InvalidConfig("frequency", self.frequency, f"must be one of {', '.join(FREQUENCIES)}")
            if not isinstance(self.interval, int) or self.interval < 1:
                raise InvalidConfig("interval", self.interval, "must be a whole number above 0")


@raises(UserErrorException)
class Schedule:
    """Schedules of pipelines: there are none, and `create` says what to use."""

    @staticmethod
    def create(workspace: Any, name: str, pipeline_id: str | None = None, **more: Any) -> NoReturn:
        """Raises `UserErrorException`: a scheduler such as cron runs the published pipeline."""
        wanted = pipeline_id or "ID"
        raise UsageError(
            f"schedule {name!r} was not created: mlmagic does not run pipelines on a schedule",
            hint="Let cron run a script with: PublishedPipeline.get(ws, "
            f"{wanted!r}).submit(ws, 'EXPERIMENT').wait_for_completion().",
        )

    @staticmethod
    def list(workspace: Any, *args: Any, **more: Any) -> Any:
        """Always empty."""
        return []

    get_all = list
