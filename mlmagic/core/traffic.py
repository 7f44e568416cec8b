"""Requests that a service was asked, as it has kept them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request and how it was answered."""

    time: float
    """When it was answered, in seconds since the epoch."""
    body: str
    status: int
    milliseconds: float


def read_recorded(contents: Iterable[bytes], last: int) -> list[RecordedRequest]:
    """The ``last`` requests that files of a recorder hold, oldest first; half a line is left out."""
    found = []
    for content in contents:
        for line in content.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                found.append(RecordedRequest(row["time"], row["body"], row["status"], row["ms"]))
    return found[-last:] if last > 0 else []
