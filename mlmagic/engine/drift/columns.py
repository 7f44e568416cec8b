"""The columns of two tables as they are compared: numbers, categories, or left out.

The baseline decides: a kind that followed from the collected data would hide what is new in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlmagic.core.drift import FeatureKind
from mlmagic.errors import InvalidConfig, NotFound

if TYPE_CHECKING:
    import pandas

FEW_VALUES = 10
"""Numbers with so many different values at most are categories: codes, flags, ratings."""
MANY_VALUES, ROWS_PER_VALUE = 50, 10
"""Strings with more different values, each in fewer rows on average, are text or identifiers."""
FEWEST_EXPECTED = 5.0
"""The rows that a category must have in each table, if there is no drift: the chi-square test needs them."""
OTHER = "(other)"
"""Categories with fewer rows, those that the baseline does not have among them."""
MISSING = "(missing)"
REDACTED = "[redacted]"
"""What data collection writes instead of the values of a redacted column, or else a hash."""
_HASH = re.compile("[0-9a-f]{32}")
_TRUE, _FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")


@dataclass(frozen=True, slots=True)
class Column:
    """One feature in both tables."""

    name: str
    kind: FeatureKind
    before: pandas.Series
    """Of the baseline: floats, where missing values are NaN, or category names."""
    now: pandas.Series
    missing_before: float
    """The fraction of the baseline's values that are missing."""
    missing: float


def comparable(
    baseline: pandas.DataFrame, collected: pandas.DataFrame, names: Sequence[str] = ()
) -> tuple[list[Column], dict[str, str]]:
    """The columns to compare, and why others are left out. ``names``: only these.

    Raises `NotFound` for a name that is not in both tables, and `InvalidConfig` for a name that two columns
    have.
    """
    for table, words in ((baseline, "baseline"), (collected, "collected data")):
        if not table.columns.is_unique:
            name = str(table.columns[table.columns.duplicated()][0])
            raise InvalidConfig(f"column of the {words}", name, "must have a name of its own")
    both = [name for name in baseline.columns if name in collected.columns]
    for name in names:
        if name not in both:
            raise NotFound("column of both the baseline and the collected data", name, map(str, both))
    left_out = {} if names else _in_one_only(baseline, collected)
    columns = []
    for name in names or both:
        found = _column(str(name), baseline[name], collected[name])
        if isinstance(found, str):
            left_out[str(name)] = found
        else:
            columns.append(found)
    return columns, left_out


def _in_one_only(baseline: pandas.DataFrame, collected: pandas.DataFrame) -> dict[str, str]:
    sides = (
        (baseline.columns, collected.columns, "not in the collected data"),
        (collected.columns, baseline.columns, "not in the baseline"),
    )
    return {str(name): why for names, others, why in sides for name in names if name not in others}


def _column(name: str, before: pandas.Series, now: pandas.Series) -> Column | str:
    """The column, or why it is left out."""
    from pandas.api import types

    if types.is_datetime64_any_dtype(before) or types.is_timedelta64_dtype(before):
        return "a time"
    values = before.dropna()
    if not len(values):
        return "no values in the baseline"
    collected = now.dropna()
    if len(collected) and collected.map(_is_redacted).all():
        return "redacted"
    if types.is_bool_dtype(values.infer_objects()):
        return _categories(name, _flags(before), _flags(now))
    if types.is_numeric_dtype(before):
        numbers = _numbers(now)
        if values.nunique() > FEW_VALUES:
            return _with_missing(name, FeatureKind.NUMERIC, _numbers(before), numbers)
        return _categories(name, _codes(_numbers(before)), _codes(numbers))
    names = _names(before)
    distinct = names.nunique()
    if distinct > MANY_VALUES and len(values) < ROWS_PER_VALUE * distinct:
        return "text or identifiers"
    return _categories(name, names, _names(now))


def _is_redacted(value: Any) -> bool:
    return isinstance(value, str) and (value == REDACTED or bool(_HASH.fullmatch(value)))


def _categories(name: str, before: pandas.Series, now: pandas.Series) -> Column:
    """Missing values are a category."""
    found = _with_missing(name, FeatureKind.CATEGORY, before, now)
    before, now = before.fillna(MISSING), now.fillna(MISSING)
    if len({*before, *now}) == 1:
        return replace(found, kind=FeatureKind.CONSTANT)
    before, now = _merged(before, now)
    return replace(found, before=before, now=now)


def _with_missing(name: str, kind: FeatureKind, before: pandas.Series, now: pandas.Series) -> Column:
    return Column(name, kind, before, now, float(before.isna().mean()), float(now.isna().mean()))


def _merged(before: pandas.Series, now: pandas.Series) -> tuple[pandas.Series, pandas.Series]:
    """With rare categories as one. Which are rare follows from both tables together, as the test needs it."""
    counts = before.value_counts().add(now.value_counts(), fill_value=0)
    rare = set(counts[counts * smaller_share(len(before), len(now)) < FEWEST_EXPECTED].index)
    if not rare:
        return before, now
    return before.mask(before.isin(rare), OTHER), now.mask(now.isin(rare), OTHER)


def smaller_share(one: int, other: int) -> float:
    """The share that the smaller table has of the rows of both."""
    return min(one, other) / (one + other)


def _numbers(values: pandas.Series) -> pandas.Series:
    """As floats. What is no number, or is infinite, counts as missing."""
    import numpy
    import pandas

    found = pandas.to_numeric(values, errors="coerce").astype("float64")
    return found.replace([numpy.inf, -numpy.inf], numpy.nan)


def _codes(numbers: pandas.Series) -> pandas.Series:
    return numbers.map(lambda value: f"{value:g}", na_action="ignore").astype(object)


def _flags(values: pandas.Series) -> pandas.Series:
    def flag(value: Any) -> str:
        text = str(value).lower()
        return "true" if text in _TRUE else "false" if text in _FALSE else text

    return values.map(flag, na_action="ignore").astype(object)


def _names(values: pandas.Series) -> pandas.Series:
    return values.map(str, na_action="ignore").astype(object)
