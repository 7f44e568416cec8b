"""The filters of logs: the options of `%logs` and of ``mlmagic service logs``, from one table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlmagic.core.moments import moment
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from mlmagic.core.log_lines import LogFilter

GROUP = "Filters"
ROWS = (
    OptionRow("request_id", ("--request-id",), "Only lines of the request with this id.", "ID"),
    OptionRow(
        "since", ("--since",), "Only lines from this time on: a date, a time, or an age such as 10m.", "TIME"
    ),
    OptionRow("until", ("--until",), "Only lines until this time.", "TIME"),
    OptionRow(
        "level",
        ("--level",),
        "Only lines from this level on: debug, info, warning, error or critical. Printed lines are info.",
        "LEVEL",
    ),
)


def filter_of(given: Mapping[str, Any], now: datetime) -> LogFilter:
    """The filter of the texts of these options by name. Raises `InvalidConfig`."""
    from mlmagic.core.log_lines import Level, LogFilter

    since, until = (
        moment(name, given[name], now).timestamp() if given.get(name) is not None else None
        for name in ("since", "until")
    )
    if since is not None and until is not None and until < since:
        raise InvalidConfig("until", given["until"], f"must not be before {given['since']!r}, which is since")
    level = Level.named(given["level"]) if given.get("level") is not None else Level.DEBUG
    return LogFilter(since, until, level, (given.get("request_id") or "").strip())
