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
"""The smallest that holds is reported; a larger difference is none of rounding."""
_CAST = {"f": numpy.float32, "l": numpy.int64, "i": numpy.int32}


class NotEqual(Exception):
    """The two differ; the message is a sentence."""


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

    For NaN, and for single precision and integers, the compiled model need not be equal: where it is not,
    such inputs are left to the original.
    """
    tolerance, rows = TOLERANCES[0], 0
    ordinary = [group for group in tests if not group.has_nan and not group.has_unknown]
    for group in ordinary:
        tolerance = max(tolerance, _compare(estimator, model, name, group.rows, group.name))
        rows += len(group.rows)
    method = model.record.methods[name]
    dtypes = "d"
    for char, dtype in _CAST.items():
        allowed = _with(model, name, replace(method, dtypes=char if not model.record.kinds else "d" + char))
        if all(_holds(estimator, allowed, name, _cast(group.rows, dtype), tolerance) for group in ordinary):
            dtypes += char
    takes_nan = _with(model, name, replace(method, nan=True))
    nan = all(_holds(estimator, takes_nan, name, group.rows, tolerance) for group in tests if group.has_nan)
    has_nan = any(group.has_nan for group in tests)
    for group in tests:
        if group.has_unknown:
            _check_unknown(estimator, model, name, group)
    proved = replace(method, dtypes=dtypes, nan=nan and has_nan)
    return Proof(proved, model.record.dtype, tolerance, rows)


def _compare(estimator: Any, model: CompiledModel, name: str, rows: Any, what: str) -> float:
    """The smallest tolerance within which both are equal. Raises `NotEqual`."""
    expected = original_output(estimator, name, rows)
    feed = model.reader(name)(rows)
    if feed is None:
        raise NotEqual(f"{name}() of the compiled model does not take {what}.")
    found = model.compute(name)(feed)
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
        if relative.max(initial=0) <= tolerance:
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


def _with(model: CompiledModel, name: str, method: Method) -> CompiledModel:
    record = replace(model.record, methods={**model.record.methods, name: method})
    return model.like(record)


def _cast(rows: Any, dtype: Any) -> Any:
    if not hasattr(rows, "columns"):
        return _clipped(rows, dtype)
    numbers = {name: dtype for name, kind in rows.dtypes.items() if kind.kind in "iuf"}
    rounded = rows.copy()
    for name in numbers:
        rounded[name] = _clipped(rounded[name].to_numpy(), dtype)
    return rounded


def _clipped(values: Any, dtype: Any) -> Any:
    if numpy.dtype(dtype).kind == "i":
        limits = numpy.iinfo(numpy.int32)
        values = numpy.clip(numpy.round(values), limits.min, limits.max)
    with numpy.errstate(over="ignore"):
        return values.astype(dtype)


def original_output(estimator: Any, name: str, rows: Any) -> Any:
    """What the original returns, as an array. Raises `NotEqual` for an output of another kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = getattr(estimator, name)(rows)
    if not isinstance(found, numpy.ndarray):
        raise NotEqual(f"{name}() returns a {type(found).__name__}, which cannot be compiled.")
    return found
