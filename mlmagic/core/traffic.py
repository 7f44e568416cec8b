"""Recorded requests of a service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One recorded request, with the status and duration of its answer."""

    time: float
    """The time of the answer, in seconds since the epoch."""
    body: str
    status: int
    milliseconds: float


def read_recorded(contents: Iterable[bytes], last: int) -> list[RecordedRequest]:
    """The ``last`` requests in a service's recorder files, oldest first; incomplete lines are skipped."""
    found = []
    for content in contents:
        for line in content.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                found.append(RecordedRequest(row["time"], row["body"], row["status"], row["ms"]))
    found.sort(key=lambda each: each.time)  # several replicas record at the same time
    return found[-last:] if last > 0 else []
