"""`Schedule`: a published pipeline that is run again and again, by the clock or when files change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mlmagic.core.recurrence import Frequency, Recurrence
from mlmagic.errors import InvalidConfig

LONGEST_POLLING_MINUTES = 72_000


class ScheduleStatus(StrEnum):
    """Whether a schedule starts runs."""

    ACTIVE = "Active"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Polling:
    """Files to look at every ``minutes``. Raises `InvalidConfig` for another number of minutes."""

    datastore_name: str
    minutes: int
    path: str = ""
    """The folder whose files count, without those of its subfolders; empty for the datastore's own."""
    parameter: str | None = None
    """The pipeline parameter that gets the path of a file that was added or changed."""

    def __post_init__(self) -> None:
        given = self.minutes
        is_number = isinstance(given, int) and not isinstance(given, bool)
        if not is_number or not 1 <= given <= LONGEST_POLLING_MINUTES:
            raise InvalidConfig(
                "polling_interval",
                given,
                f"must be a whole number of minutes from 1 to {LONGEST_POLLING_MINUTES}",
            )


@dataclass(frozen=True, slots=True)
class Start:
    """A run that is to be started. It ends when the run has begun, or cannot begin."""

    run_id: str
    """The id that the run will have: however often the start is repeated, there is one such run."""
    owner: str
    """The mark of the process that works on it; a start whose owner has ended is repeated."""
    paths: tuple[str, ...] | None = None
    """The files for which there is a run each; None if they are not known, or there are none."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. Times are in seconds since 1970."""

    id: str
    name: str
    experiment_name: str
    created_time: float
    machine: str
    """The machine on which it starts runs: the files of the pipeline are there."""
    command: tuple[str, ...]
    """Starts a run in a process of its own; it gets the schedule's id and the run's id as arguments."""
    pipeline_id: str | None = None
    pipeline_endpoint_id: str | None = None
    recurrence: Recurrence | None = None
    polling: Polling | None = None
    description: str = ""
    pipeline_parameters: Mapping[str, Any] = field(default_factory=dict)
    continue_on_step_failure: bool | None = None
    drift_check: Mapping[str, Any] = field(default_factory=dict)
    """The service, the baseline and the options of a drift check; empty for a pipeline."""
    since: float = 0.0
    """When the recurrence was set: sets the rhythm if it has no start time."""
    status: ScheduleStatus = ScheduleStatus.ACTIVE
    next_time: float = 0.0
    start: Start | None = None
    seen: Mapping[str, str] = field(default_factory=dict)
    """The files found by the last look, each with a text that changes with the file."""
    error: str = ""
    """Why the last start failed; empty if it did not."""

    @property
    def is_active(self) -> bool:
        """Whether it starts runs."""
        return self.status is ScheduleStatus.ACTIVE

    @property
    def starts(self) -> str:
        """What its runs are of."""
        if self.drift_check:
            return f"the drift check of service {self.drift_check['service']!r}"
        return f"experiment {self.experiment_name!r}"

    @property
    def first_time(self) -> float:
        """When it starts its first run, or looks at its files for the first time after it was made."""
        if self.polling is not None:
            return self.next_after(self.since)
        return self._rhythm.first_time(self.since)

    def next_after(self, time: float) -> float:
        """The first time after ``time``."""
        return self._rhythm.next_time(time, self.since)

    @property
    def _rhythm(self) -> Recurrence:
        if self.polling is not None:
            return Recurrence(Frequency.MINUTE, self.polling.minutes)
        assert self.recurrence is not None
        return self.recurrence

    def definition(self) -> dict[str, Any]:
        """What `read_definition` reads, as JSON values."""
        return {
            "experiment_name": self.experiment_name,
            "pipeline_id": self.pipeline_id,
            "pipeline_endpoint_id": self.pipeline_endpoint_id,
            "recurrence": self.recurrence.to_record() if self.recurrence else None,
            "polling": asdict(self.polling) if self.polling else None,
            "description": self.description,
            "pipeline_parameters": dict(self.pipeline_parameters),
            "continue_on_step_failure": self.continue_on_step_failure,
            "drift_check": dict(self.drift_check),
            "since": self.since,
            "command": list(self.command),
        }


def read_definition(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Schedule` that its `definition` has."""
    recurrence, polling = record["recurrence"], record["polling"]
    return {
        **record,
        "recurrence": Recurrence.parse(**recurrence) if recurrence else None,
        "polling": Polling(**polling) if polling else None,
        "command": tuple(record["command"]),
    }


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of the files that were added or changed between two looks, in their order."""
    return tuple(sorted(path for path, state in now.items() if before.get(path) != state))
