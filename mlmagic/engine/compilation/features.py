"""What an estimator, and a sample, know of the input: columns, categories, ranges and thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from mlmagic.engine.compilation.thresholds import thresholds_of
from mlmagic.engine.compilation.tree_sources import Unsupported

DEFAULT_RANGE = (-3.0, 3.0)
SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
"""Steps that change each column by itself."""


@dataclass
class Features:
    """The columns of an input."""

    width: int
    columns: list[str]
    """Their names; empty if the estimator was fitted without."""
    by_column: bool = False
    """Whether the estimator treats columns differently, so that its input must be a table."""
    text: set[int] = field(default_factory=set)
    """The columns that contain text."""
    categories: dict[int, list[Any]] = field(default_factory=dict)
    """The values that an encoder knows."""
    strict: set[int] = field(default_factory=set)
    """The columns whose other values are an error."""
    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)
    thresholds: dict[int, Any] = field(default_factory=dict)
    """Values on whose two sides the prediction jumps."""
    sample: Any = None
    """An array or a table."""

    @property
    def kinds(self) -> str:
        """``n`` or ``s`` for each column of a table; empty for an array."""
        return "".join("s" if place in self.text else "n" for place in range(self.width)) * self.by_column

    def range_of(self, place: int) -> tuple[float, float]:
        """Between which values rows are generated."""
        return self.ranges.get(place, DEFAULT_RANGE)


def features_of(estimator: Any, sample: Any) -> Features:
    """Raises `Unsupported` if not even the number of columns is known."""
    names = getattr(estimator, "feature_names_in_", None)
    columns = [] if names is None else [str(name) for name in names]
    sample = _table(sample, columns)
    width = len(columns) or getattr(estimator, "n_features_in_", None)
    if width is None and sample is not None:
        width = sample.shape[1]
    if not width:
        raise Unsupported("The number of its columns is not known. Register it with a sample input.")
    found = Features(int(width), columns)
    _look(estimator, list(range(found.width)), found)
    if found.by_column and not columns:
        found.by_column = False
    if found.text and not found.by_column:
        raise Unsupported("It takes text columns, but was fitted on an array: fit it on a pandas DataFrame.")
    if found.strict and not found.by_column:
        raise Unsupported(
            "It refuses unknown categories, but was fitted on an array: fit it on a pandas DataFrame."
        )
    if sample is not None and sample.shape[1] == found.width:
        _look_at_sample(sample, found)
    return found


def _table(sample: Any, columns: Sequence[str]) -> Any:
    """A sample as an array, or as a table if there are column names; None if it is neither."""
    if isinstance(sample, dict):
        sample = sample.get("data", sample.get("input_data", sample))
    if sample is None or isinstance(sample, str | bytes):
        return None
    try:
        if columns or hasattr(sample, "columns"):
            import pandas

            frame = sample if hasattr(sample, "columns") else pandas.DataFrame(sample)
            if columns and list(frame.columns) == list(range(len(columns))):
                frame.columns = columns
            return frame[list(columns)] if columns else frame.to_numpy()
        array = numpy.asarray(sample)
    except (ValueError, TypeError, KeyError):
        return None
    return array if array.ndim == 2 and array.dtype.kind in "iuf" else None


def _look_at_sample(sample: Any, found: Features) -> None:
    is_frame = hasattr(sample, "columns")
    # Rows with missing values are another group.
    sample = sample.dropna() if is_frame else sample[numpy.isfinite(sample).all(axis=1)]
    for place in range(found.width):
        column = sample.iloc[:, place].to_numpy() if is_frame else sample[:, place]
        if column.dtype.kind in "iuf":
            if len(column):
                _widen(found, place, column.min(), column.max())
        elif found.by_column and len(column) and all(isinstance(each, str) for each in column):
            found.text.add(place)
            found.categories.setdefault(place, sorted(set(column)))
    is_numeric = not is_frame or all(dtype.kind in "iuf" for dtype in sample.dtypes)
    found.sample = sample if len(sample) and (found.by_column or is_numeric) else None


def _look(estimator: Any, places: list[int], found: Features) -> None:
    """Collect what ``estimator`` knows of its columns, which are ``places`` of the whole input."""
    if isinstance(steps := getattr(estimator, "steps", None), list):
        _look_at_steps([step for _, step in steps if not isinstance(step, str | None)], places, found)
        return
    if hasattr(estimator, "transformers_"):
        found.by_column = True
        for _, part, columns in estimator.transformers_:
            if part not in ("drop", "passthrough") and not isinstance(part, str):
                _look(part, _positions(columns, places, found), found)
        return
    if hasattr(estimator, "best_estimator_"):
        _look(estimator.best_estimator_, places, found)
        return
    if hasattr(estimator, "vocabulary_"):
        found.text.update(places)
    if isinstance(known := getattr(estimator, "categories_", None), list) and len(known) == len(places):
        _look_at_categories(estimator, known, places, found)
    for place, low, high in _ranges(estimator):
        if place < len(places):
            _widen(found, places[place], low, high)
    _look_at_thresholds(estimator, places, found)


def _look_at_steps(steps: list[Any], places: list[int], found: Features) -> None:
    """Collect what the steps know whose columns are those of the input."""
    scalers = list[Any]()
    for step in steps:
        if scalers:
            _look_at_thresholds(step, places, found, scalers)
        else:
            _look(step, places, found)
        if type(step).__name__ in SCALERS:
            scalers.append(step)
        elif type(step).__name__ != "SimpleImputer":  # the columns of the next step are other ones
            return


def _positions(columns: Any, places: list[int], found: Features) -> list[int]:
    if isinstance(columns, str | int):
        columns = [columns]
    if isinstance(columns, slice):
        return places[columns] if not isinstance(columns.start, str) else places
    listed = list(columns)
    if listed and all(isinstance(each, bool | numpy.bool_) for each in listed):
        return [place for place, chosen in zip(places, listed, strict=True) if chosen]
    return [found.columns.index(each) if isinstance(each, str) else places[each] for each in listed]


def _look_at_categories(estimator: Any, known: list[Any], places: list[int], found: Features) -> None:
    for place, values in zip(places, known, strict=True):
        if values.dtype.kind in "OUT" and any(isinstance(each, str) for each in values):
            found.text.add(place)
        found.categories[place] = [each for each in values.tolist() if each is not None and each == each]
        if getattr(estimator, "handle_unknown", "error") == "error":
            found.strict.add(place)


def _ranges(estimator: Any) -> Iterator[tuple[int, float, float]]:
    def known(name: str) -> Any:
        value: Any = getattr(estimator, name, None)
        if hasattr(value, "toarray"):
            value = value.toarray()
        return value if isinstance(value, numpy.ndarray) and value.dtype.kind == "f" else None

    for middle, spread in (("mean_", "scale_"), ("center_", "scale_"), ("theta_", "")):
        centre, size = known(middle), known(spread) if spread else None
        if centre is not None and centre.ndim == 1:
            sizes = numpy.ones_like(centre) if size is None or size.shape != centre.shape else size
            for place, (at, by) in enumerate(zip(centre, sizes, strict=True)):
                yield place, at - 3 * by, at + 3 * by
    for name in ("_fit_X", "support_vectors_", "cluster_centers_", "theta_"):
        rows = known(name)
        if rows is not None and rows.ndim == 2:
            for place in range(rows.shape[1]):
                yield place, rows[:, place].min(), rows[:, place].max()
    low, high = known("data_min_"), known("data_max_")
    if low is not None and high is not None:
        yield from zip(range(len(low)), low, high, strict=True)


def _look_at_thresholds(
    estimator: Any, places: list[int], found: Features, scalers: Sequence[Any] = ()
) -> None:
    """Collect the thresholds of an estimator, which gets its columns from ``scalers``."""
    for column, values in thresholds_of(estimator).items():
        for scaler in reversed(scalers):
            table = numpy.zeros((len(values), len(places)))
            table[:, column] = values
            values = scaler.inverse_transform(table)[:, column]
        found.thresholds[places[column]] = values
        _widen(found, places[column], values.min(), values.max())


def _widen(found: Features, place: int, low: float, high: float) -> None:
    if numpy.isfinite(low) and numpy.isfinite(high):
        before = found.ranges.get(place, (low, high))
        found.ranges[place] = (float(min(before[0], low)), float(max(before[1], high)))
