"""Stacking: the arguments of several requests as those of one call, and its answer taken apart again.

Arrays, tables and series are stacked along the first axis; where a call has none of them, the list that
is its first parameter. Everything else must be equal in all.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

Arguments = Mapping[str, Any]

_SAME_TEXT = "biu"


class WrongRows(Exception):
    """The answer to a stacked call cannot be taken apart."""


def key_of(arguments: Arguments) -> tuple[Hashable, int] | None:
    """What two calls must have in common to be stacked, and the rows of this one; None to be left alone."""
    if len(arguments) == 1:  # the usual case, on the hot path
        (value,) = arguments.values()
        if _kind(value) == "ndarray":
            return ((value.dtype, value.shape[1:]), len(value)) if value.size and value.ndim else None
    key: list[Hashable] = []
    others: list[tuple[str, Any]] = []
    rows = -1
    for name, value in arguments.items():
        kind = _kind(value)
        if kind is None:
            others.append((name, value))
            continue
        if kind == "ndarray":
            if not value.ndim:
                return None
            key.append((name, value.dtype, value.shape[1:]))
        elif kind == "DataFrame":
            key.append((name, tuple(value.columns), tuple(value.dtypes)))
        else:
            key.append((name, value.dtype, value.name))
        if rows not in (-1, len(value)):
            return None
        rows = len(value)
    if rows == -1 and others:
        name, value = others.pop(0)
        if not isinstance(value, list):
            return None
        key.append(name)
        rows = len(value)
    if rows < 1:
        return None
    for name, value in others:
        key.append((name, type(value), value if isinstance(value, Hashable) else repr(value)))
    return tuple(key), rows


def stacked(calls: Sequence[Arguments]) -> dict[str, Any]:
    """The arguments of one call for all; their `key_of` is the same."""
    first = calls[0]
    together = dict(first)
    kinds = {name: _kind(value) for name, value in first.items()}
    for name, kind in kinds.items():
        if kind == "ndarray":
            together[name] = sys.modules["numpy"].concatenate([each[name] for each in calls])
        elif kind is not None:
            together[name] = sys.modules["pandas"].concat([each[name] for each in calls], ignore_index=True)
    if not any(kinds.values()):
        name = next(iter(first))
        together[name] = list(itertools.chain.from_iterable(each[name] for each in calls))
    return together


def taken_apart(answer: Any, counts: Sequence[int]) -> list[Any]:
    """The rows of each call. Raises `WrongRows`."""
    ends = list(itertools.accumulate(counts))
    if isinstance(answer, dict):
        columns = {name: _parts(value, ends) for name, value in answer.items()}
        if not columns:
            raise WrongRows("run() returned an empty dict")
        return [{name: parts[i] for name, parts in columns.items()} for i in range(len(ends))]
    return _parts(answer, ends)


def _parts(answer: Any, ends: Sequence[int]) -> list[Any]:
    kind = _kind(answer)
    if kind is None and not isinstance(answer, list | tuple):
        raise WrongRows(f"run() returned a {type(answer).__name__}, which has no rows")
    rows = len(answer) if kind != "ndarray" or answer.ndim else 0
    if rows != ends[-1]:
        raise WrongRows(f"run() returned {rows} rows for {ends[-1]}")
    if kind in ("DataFrame", "Series"):
        answer = answer.reset_index(drop=True).iloc
    elif kind == "ndarray" and (answer.dtype.kind in _SAME_TEXT or answer.dtype == float):
        # Once for all; where a number's text does not depend on its being in an array (float32's does).
        answer = answer.tolist()
    return [answer[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _kind(value: Any) -> str | None:
    """The library type of ``value``; libraries that are not there have no values."""
    kind = type(value)
    if kind is getattr(sys.modules.get("numpy"), "ndarray", None):
        return "ndarray"
    pandas = sys.modules.get("pandas")
    if pandas is not None and kind in (
        getattr(pandas, "DataFrame", None),
        getattr(pandas, "Series", None),
    ):
        return kind.__name__
    return None
