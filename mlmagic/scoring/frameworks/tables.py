"""Models that take rows: scikit-learn estimators, and models with the same methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from mlmagic.scoring.frameworks.mlflow_signature import Signature
from mlmagic.scoring.frameworks.serving import DATA
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.arrays import Misfit, explained, parse_array, read_array, read_frame
from mlmagic.scoring.inputs.bodies import Whole

METHOD = "method"
METHODS = ("predict_proba", "predict", "transform", "predict_log_proba", "decision_function", "score_samples")
"""Methods that a request may name. The default is the first one that the model has."""


class TableModel:
    """An estimator; the body is ``{"data": rows, "method": "predict"}``.

    Rows are lists. Where the model has column names, rows may be objects too, and it gets a `DataFrame`.
    """

    unstackable = ""

    def __init__(
        self,
        estimator: Any,
        *,
        columns: Sequence[str] | None = None,
        width: int | None = None,
        signature: Signature | None = None,
        method: str | None = None,
    ) -> None:
        self._estimator = estimator
        self._signature = signature or Signature({})
        names = getattr(estimator, "feature_names_in_", None) if columns is None else columns
        self.columns = [] if names is None else [str(name) for name in names]
        self.width = len(self.columns) or width or getattr(estimator, "n_features_in_", None)
        self.methods = [name for name in METHODS if callable(getattr(estimator, name, None))]
        self.methods.sort(key=lambda name: name != method)
        self._numeric: set[int] = set()
        if not self.methods:
            raise TypeError(
                f"the model is a {type(estimator).__module__}.{type(estimator).__qualname__}, which has none "
                f"of the methods {', '.join(METHODS)}: write an entry script for it"
            )

    def parse(self, body: bytes) -> Any | None:
        return None if b'"method"' in body else parse_array(body, DATA)

    def read(self, values: dict[str, Any] | Whole) -> dict[str, Any]:
        method = self.methods[0]
        if isinstance(values, Whole):
            values = {DATA: values.value}
        elif METHOD in values:
            method = values[METHOD]
            if method not in self.methods:
                raise BadInput(
                    f"The {METHOD!r} parameter is {method!r}; this model has {', '.join(self.methods)}."
                )
        if DATA not in values:
            raise BadInput(f"A value is not provided for the {DATA!r} parameter.")
        try:
            data = self._signature.cast(self._rows(values[DATA]))
            self._check(data)
        except Misfit as error:
            raise BadInput(explained(str(error), DATA)) from None
        return {DATA: data, METHOD: method}

    def predict(self, arguments: dict[str, Any]) -> Any:
        found = getattr(self._estimator, arguments.get(METHOD) or self.methods[0])(arguments[DATA])
        # Text vectorizers return a sparse matrix.
        return found.toarray() if hasattr(found, "toarray") else found

    def learn(self, arguments: dict[str, Any]) -> None:
        data = arguments[DATA]
        self._numeric = {place for place, kind in enumerate(self._kinds(data)) if kind in "biuf"}
        if self.width is None and data.ndim == 2:
            self.width = data.shape[1]

    def describe(self) -> dict[str, Any]:
        known = self._signature.schemas()
        cells = [
            known.get(name) or ({"type": "number"} if place in self._numeric else {})
            for place, name in enumerate(self.columns)
        ]
        required = [name for name in self.columns if name not in self._signature.optional]
        row: dict[str, Any] = {"type": "array", "items": {"type": "number"} if self._numeric else {}}
        if self.columns:
            named = dict(zip(self.columns, cells, strict=True))
            row = {"type": "object", "properties": named, "required": required}
        elif self.width:
            row |= {"minItems": self.width, "maxItems": self.width}
        rows: dict[str, Any] = {"type": "array", "items": row, "format": "numpy.ndarray"}
        if self.columns:
            rows["format"] = "pandas.DataFrame:records"
            rows["description"] = f"Objects, or lists in the order {', '.join(self.columns)}."
        method = {"type": "string", "enum": list(self.methods), "default": self.methods[0]}
        properties = {DATA: rows, METHOD: method}
        return {"input": {"type": "object", "properties": properties, "required": [DATA]}}

    def _rows(self, value: Any) -> Any:
        if self.columns:
            return self._frame(value)
        if hasattr(value, "columns"):  # a table: the model has no column names, so only the order matters
            value = value.to_numpy()
        if isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(row, dict) for row in value)
        ):
            raise Misfit("Expected rows as lists (the model was fitted without column names), got objects")
        return _loose_array(value)

    def _frame(self, value: Any) -> Any:
        """Return a `DataFrame` with the columns of the model in its order; other columns are dropped.

        Optional columns of the signature may be missing.
        """
        import pandas

        if isinstance(value, numpy.ndarray) or (
            isinstance(value, list) and value and not any(isinstance(row, dict) for row in value)
        ):
            array = value if isinstance(value, numpy.ndarray) else _loose_array(value)
            self._check_width(array)
            return pandas.DataFrame(value, columns=self.columns)
        frame = read_frame(value)
        missing = [name for name in self.columns if name not in frame.columns]
        if missing and len(missing) == len(self.columns) and isinstance(frame.columns, pandas.RangeIndex):
            self._check_width(frame)
            frame.columns = self.columns
        elif missing:
            missing = [name for name in missing if name not in self._signature.optional]
            if missing:
                raise Misfit(f"Expected rows with {', '.join(self.columns)}, got rows without {missing[0]!r}")
        return frame[[name for name in self.columns if name in frame.columns]]

    def _kinds(self, data: Any) -> list[str]:
        """Return numpy's kind of each column, or of the whole array; empty text for a missing column."""
        if not hasattr(data, "columns"):
            return [data.dtype.kind]
        return [data[name].dtype.kind if name in data.columns else "" for name in self.columns]

    def _check(self, data: Any) -> None:
        if not hasattr(data, "columns"):
            self._check_width(data)
        kinds = self._kinds(data)
        for place in self._numeric:
            if kinds[place] in ("O", "U") and len(data):
                name = f" in {self.columns[place]!r}" if self.columns else ""
                raise Misfit(f"Expected numbers{name}, got text")

    def _check_width(self, data: Any) -> None:
        if self.width is None:
            return
        if data.ndim != 2:
            raise Misfit(f"Expected rows of {self.width} values, got {data.ndim} dimensions")
        if data.shape[1] != self.width:
            raise Misfit(f"Expected rows of {self.width} values, got {data.shape[1]}")


def _of_objects(rows: list[Any]) -> Any:
    try:
        return numpy.asarray(rows, dtype=object)
    except ValueError:  # the rows have different depths
        return numpy.fromiter(rows, dtype=object, count=len(rows))


def _loose_array(value: Any) -> Any:
    """Convert to an array. Among numbers null becomes NaN; text stays text. Raises `Misfit`."""
    try:
        array = read_array(value)
    except Misfit:
        if not isinstance(value, list):
            raise
        mixed = _of_objects(value)
        kinds = {type(each) for each in mixed.flat}
        if kinds & {list, dict}:  # rows of different lengths are an array of lists
            raise
        return mixed.astype(float) if kinds <= {int, float, bool, type(None)} else mixed
    # numpy's text type has a fixed length, and text vectorizers take objects.
    return numpy.asarray(value, dtype=object) if array.dtype.kind == "U" else array
