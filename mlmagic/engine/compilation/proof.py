"""Compares a compiled model with its original: equal labels, numbers within a tolerance, the same types."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from mlmagic.engine.compilation.rows import Group
from mlmagic.scoring.compiled.files import Method
from mlmagic.scoring.compiled.model import CompiledModel

TOLERANCES = (1e-12, 1e-9, 1e-6, 1e-5)
"""The smallest that holds, with a margin, is reported; a larger difference is none of rounding."""
MARGIN = 10
"""By how much smaller a difference must be: other rows may differ more than those that are compared."""
_CAST = {"f": numpy.float32, "l": numpy.int64, "i": numpy.int32}


class NotEqual(Exception):
    """The compiled model differs, or is slower; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of a comparison."""

    method: Method
    """With the inputs on which both are equal."""
    dtype: str
    """Of the numbers of the graph's input."""
    tolerance: float
    rows: int


def prove(estimator: Any, model: CompiledModel, name: str, tests: Sequence[Group]) -> Proof:
    """Compare method ``name`` on all groups. Raises `NotEqual`.

    The compiled model need not be equal for large numbers, for NaN, and for single precision and integers:
    where it is not, such inputs are left to the original.
    """
    tolerance, compared = TOLERANCES[0], list[Group]()
    for group in tests:
        if group.has_nan or group.has_unknown:
            continue
        try:
            tolerance = max(tolerance, _compare(estimator, model, name, group.rows, group.name))
        except NotEqual:
            if group.scale == 1:
                raise
            break  # larger ones are not compared
        compared.append(group)
    limit = max(largest(group.rows) for group in compared)
    method = replace(model.record.methods[name], limit=limit)
    dtypes = "d"
    for char, dtype in _CAST.items():
        allowed = model.like(name, replace(method, dtypes=char if not model.record.kinds else "d" + char))
        cast = (_cast(group.rows, dtype, limit) for group in compared)
        if all(_holds(estimator, allowed, name, rows, tolerance) for rows in cast):
            dtypes += char
    takes_nan = model.like(name, replace(method, nan=True))
    with_nan = [group for group in tests if group.has_nan]
    nan = all(_holds(estimator, takes_nan, name, group.rows, tolerance) for group in with_nan)
    for group in tests:
        if group.has_unknown:
            _check_unknown(estimator, model, name, group)
    proved = replace(method, dtypes=dtypes, nan=nan and bool(with_nan))
    return Proof(proved, model.record.dtype, tolerance, sum(len(group.rows) for group in compared))


def largest(rows: Any) -> float:
    """The largest number in ``rows``, without its sign."""
    numbers = rows.select_dtypes("number").to_numpy(float) if hasattr(rows, "columns") else rows
    return float(numpy.abs(numbers).max(initial=1))


def _compare(estimator: Any, model: CompiledModel, name: str, rows: Any, what: str) -> float:
    """The smallest tolerance within which both are equal. Raises `NotEqual`."""
    expected = original_output(estimator, name, rows)
    feed = model.reader(name)(rows)
    if feed is None:
        raise NotEqual(f"{name}() of the compiled model does not take {what}.")
    try:
        found = model.compute(name)(feed)
    except Exception as error:
        raise NotEqual(f"{name}() of the compiled model fails for {what}: {str(error)[:200]}") from error
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise NotEqual(
            f"{name}() returns {found.dtype}{list(found.shape)} when compiled, and "
            f"{expected.dtype}{list(expected.shape)} when not, for {what}."
        )
    if expected.dtype.kind != "f":
        if (different := found != expected).any():
            place = numpy.argwhere(different)[0][0]
            raise NotEqual(
                f"{name}() returns {found[place]!r} when compiled, and {expected[place]!r} when not, for "
                f"{different.sum()} of {len(expected)} {what}."
            )
        return 0.0
    return _tolerance(found, expected, name, what)


def _tolerance(found: Any, expected: Any, name: str, what: str) -> float:
    """The smallest tolerance within which these numbers are equal. Raises `NotEqual`."""
    finite = numpy.isfinite(expected) & numpy.isfinite(found)
    # Near zero, a difference is small beside the other numbers.
    usual = numpy.abs(expected[finite]).mean() if finite.any() else 0.0
    scale = numpy.maximum(numpy.abs(expected), usual or 1.0)
    with numpy.errstate(invalid="ignore"):
        same = (found == expected) | (numpy.isnan(found) & numpy.isnan(expected))
        relative = numpy.where(same, 0.0, numpy.where(finite, numpy.abs(found - expected) / scale, numpy.inf))
    for tolerance in TOLERANCES:
        if MARGIN * relative.max(initial=0) <= tolerance:
            return tolerance
    worst = relative.argmax()
    compiled, original = found.flat[worst].item(), expected.flat[worst].item()
    raise NotEqual(f"{name}() returns {compiled!r} when compiled, and {original!r} when not, for {what}.")


def _holds(estimator: Any, model: CompiledModel, name: str, rows: Any, tolerance: float) -> bool:
    try:
        return _compare(estimator, model, name, rows, "these rows") <= tolerance
    except Exception:
        return False


def _check_unknown(estimator: Any, model: CompiledModel, name: str, group: Group) -> None:
    """Raise `NotEqual` if unknown categories are an error of the original only, or give other results."""
    if model.reader(name)(group.rows) is not None:
        try:
            original_output(estimator, name, group.rows)
        except Exception as error:
            kind = type(error).__name__
            raise NotEqual(f"{name}() raises {kind} for {group.name}; compiled it does not.") from error
        _compare(estimator, model, name, group.rows, group.name)


def _cast(rows: Any, dtype: Any, limit: float) -> Any:
    """``rows`` with numbers of another type, of those within the limit that it has."""
    if not hasattr(rows, "columns"):
        return _clipped(rows, dtype, limit)
    cast = rows.copy()
    for name, kind in rows.dtypes.items():
        if kind.kind in "iuf":
            cast[name] = _clipped(rows[name].to_numpy(), dtype, limit)
    return cast


def _clipped(values: Any, dtype: Any, limit: float) -> Any:
    if numpy.dtype(dtype).kind == "i":
        most = min(limit, 2.0**31 - 1)
        values = numpy.clip(numpy.trunc(values), -most, most)
    return values.astype(dtype)


def original_output(estimator: Any, name: str, rows: Any) -> Any:
    """What the original returns, as an array. Raises `NotEqual` for an output of another kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = getattr(estimator, name)(rows)
        except Exception as error:
            raise NotEqual(f"{name}() of the original raises {type(error).__name__}: {error}") from error
    if not isinstance(found, numpy.ndarray):
        raise NotEqual(f"{name}() returns a {type(found).__name__}, which cannot be compiled.")
    return found
