"""The arguments of a drift check: the options of `%drift` and of ``mlmagic drift run``, from one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlmagic.core.decimals import with_a_point
from mlmagic.core.drift_windows import BASELINE_SINCE, BASELINE_UNTIL, SINCE
from mlmagic.core.moments import moment
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig, UsageError

if TYPE_CHECKING:
    from mlmagic.core.drift import DriftRule
    from mlmagic.core.recurrence import Recurrence

GROUP = "Check"
_EVERY = re.compile(r"(\d+)\s*([mhdw])")
_UNITS = {"m": "Minute", "h": "Hour", "d": "Day", "w": "Week"}
ROWS = (
    OptionRow(
        "baseline",
        ("--baseline",),
        "What to compare with: a registered dataset, or a file or folder of Parquet, CSV or JSON lines.",
        "DATA",
    ),
    OptionRow(
        BASELINE_SINCE,
        ("--baseline-since",),
        "Instead of --baseline: compare with requests of the service from this time on, such as 14d.",
        "TIME",
    ),
    OptionRow(
        BASELINE_UNTIL,
        ("--baseline-until",),
        "Instead of --baseline: compare with requests of the service before this time. Default: --since.",
        "TIME",
    ),
    OptionRow(
        SINCE,
        ("--since",),
        "Compare the data collected from this time on: a date, a time, or an age such as 24h. "
        "Default: --baseline-until, or all.",
        "TIME",
    ),
    OptionRow(
        "columns",
        ("--columns",),
        "Compare these columns, such as age,income. Default: all that both have.",
        "COLUMNS",
    ),
    OptionRow(
        "prediction",
        ("--prediction",),
        "Compare the service's predictions with this column of the baseline. "
        "Default: the predictions of a baseline of collected requests.",
        "COLUMN",
    ),
    OptionRow(
        "every",
        ("--every",),
        "Check on a schedule, such as 1h or 1d: each time the data collected in that time, or in --since.",
        "TIME",
    ),
    OptionRow(
        "threshold",
        ("--threshold",),
        "The smallest PSI that counts as drift: 0.1 is moderate, 0.25 large. Default: 0.1.",
        "PSI",
    ),
    OptionRow(
        "alpha",
        ("--alpha",),
        "The highest probability of a false alarm of the check. Default: 0.05.",
        "PROBABILITY",
    ),
)


def has_baseline(given: Mapping[str, Any]) -> bool:
    """Whether these options by name have a baseline. Raises `UsageError` for two baselines."""
    windows = [name for name in (BASELINE_SINCE, BASELINE_UNTIL) if given.get(name) is not None]
    if given.get("baseline") is None:
        return bool(windows)
    if windows:
        raise UsageError(
            f"baseline and {windows[0]} exclude each other",
            hint="Compare either with a dataset, or with earlier requests of the service.",
        )
    return True


def rule_of(given: Mapping[str, Any]) -> DriftRule:
    """The rule of the texts or numbers of these options by name. Raises `InvalidConfig`."""
    from mlmagic.core.drift import DriftRule

    return DriftRule(
        **{name: _number(name, given[name]) for name in ("alpha", "threshold") if given.get(name) is not None}
    )


def columns_of(given: Mapping[str, Any], option: str = "columns") -> tuple[str, ...]:
    """The names in an option that is a list with commas. Raises `InvalidConfig` for one without names."""
    text = given.get(option)
    names = tuple(filter(None, (part.strip() for part in (text or "").split(","))))
    if text is not None and not names:
        raise InvalidConfig(option, text, "must be names with commas, such as age,income")
    return names


def since_of(given: str | None, now: datetime) -> datetime | None:
    """The moment that ``--since`` names. Raises `InvalidConfig`."""
    return moment("since", given, now) if given is not None else None


def every_of(given: str) -> Recurrence:
    """The recurrence of ``--every``. Raises `InvalidConfig`."""
    from mlmagic.core.recurrence import Recurrence

    found = _EVERY.fullmatch(given.strip())
    if found is None:
        raise InvalidConfig(
            "every", given, "must be a number of minutes, hours, days or weeks", hint="For example 1h or 1d."
        )
    return Recurrence.parse(_UNITS[found[2]], int(found[1]))


def _number(name: str, given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise InvalidConfig(name, given, f"must be a number{with_a_point(given)}") from None
