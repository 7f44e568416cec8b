"""A moment as people write it: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mlmagic.errors import InvalidConfig

_AGO = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def moment(name: str, text: str, now: datetime) -> datetime:
    """The moment that the option ``name`` gives, with a time zone: UTC unless it says another.

    Raises `InvalidConfig`.
    """
    if found := _AGO.fullmatch(text.strip()):
        return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidConfig(
            name,
            text,
            "must be a date, a time, or how long ago",
            hint="For example 2026-03-01, 2026-03-01T12:30, 30m, 24h or 7d.",
        ) from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)
