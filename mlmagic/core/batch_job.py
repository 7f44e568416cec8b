"""Batch jobs as they are recorded: what was scored, how far it is, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mlmagic.core.batch import Tally
from mlmagic.errors import InvalidConfig

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")


_NOTHING = Tally(0, 0)


class JobState(StrEnum):
    """The state of a batch job."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    INTERRUPTED = "Interrupted"
    """By the user, by the end of its process, or as its cluster was lost: it can go on."""


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One run of a script over an input."""

    name: str
    version: int
    state: JobState
    scores: str
    """What runs: a script, the models, or a service; in words."""
    input: str
    output: str
    """The path of the results."""
    created_time: float
    """Seconds since the epoch, UTC."""
    tally: Tally = _NOTHING
    seconds: float = 0.0
    """How long it has run."""
    error: str = ""
    dashboard: str = ""
    """The address of Dask's dashboard while the job runs; empty if there is none."""

    @property
    def rate(self) -> float:
        """Items per second, on the average."""
        return self.tally.rate(self.seconds)

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest takes at this rate; None if nothing is done yet, or it has ended."""
        return self.tally.seconds_left(self.seconds) if self.state is JobState.RUNNING else None

    def record(self) -> dict[str, Any]:
        """As JSON values; see `of`."""
        return {key: value for key, value in asdict(self).items() if key not in ("name", "version")}

    @classmethod
    def of(cls, name: str, version: int, record: Mapping[str, Any]) -> BatchJob:
        """The job of a record."""
        values = dict(record)
        return cls(
            name,
            version,
            JobState(values.pop("state")),
            tally=Tally(**values.pop("tally")),
            **values,
        )


def check_name(name: str) -> str:
    """``name``. Raises `InvalidConfig` for one that no job can have."""
    if not _NAME.fullmatch(name):
        rule = "must be up to 255 letters, digits, '-', '_' or '.', and start with a letter or digit"
        raise InvalidConfig("job name", name, rule)
    return name
