"""A compiled model: a session of onnxruntime for each method."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from mlmagic.scoring.compiled.files import Method, Record
from mlmagic.scoring.compiled.inputs import Reader, reader
from mlmagic.scoring.frameworks.onnx import CPU, open_session

Compute = Callable[[dict[str, Any]], Any]


class CompiledModel:
    """The methods of a compiled model. A session is made when its method is first used."""

    def __init__(self, record: Record, folder: Path) -> None:
        self.record = record
        self._folder = folder
        self._lock = threading.Lock()
        self._computed: dict[str, Compute] = {}

    def like(self, name: str, method: Method) -> CompiledModel:
        """The same graphs with other inputs of the method ``name``."""
        methods = {**self.record.methods, name: method}
        other = CompiledModel(replace(self.record, methods=methods), self._folder)
        other._computed = self._computed
        return other

    def reader(self, name: str) -> Reader:
        """What converts the input of a method; see `mlmagic.scoring.compiled.inputs`."""
        return reader(self.record, self.record.methods[name])

    def compute(self, name: str) -> Compute:
        """The function from what the reader returned to the output of the method."""
        with self._lock:
            if name not in self._computed:
                self._computed[name] = _compute(self.record.methods[name], self._folder)
            return self._computed[name]

    def checked(self, name: str) -> Compute:
        """As `compute`, once the rows of the record have been predicted.

        Raises ValueError if the output is not that of the original: this version of onnxruntime, or this
        processor, computes something else than where the model was compiled.
        """
        rows, compute = table(self.record, self.record.rows), self.compute(name)
        feed = self.reader(name)(rows)
        if feed is None or not equal(compute(feed), self.record.answers[name], self.record.tolerance):
            raise ValueError(f"{name}() of the compiled model does not return what it did when compiled")
        return compute


def table(record: Record, rows: Any) -> Any:
    """``rows`` of a record as the input of a method."""
    if not record.kinds:
        return numpy.asarray(rows, numpy.float64)
    import pandas

    # pandas may have been imported just now: the reader looks for it among the imported modules.
    return pandas.DataFrame([list(row) for row in rows], columns=list(record.columns))


def equal(found: Any, expected: Any, tolerance: float) -> bool:
    """Whether an output is equal to the lists that it was stored as."""
    expected = numpy.asarray(expected)
    if found.shape != expected.shape:
        return False
    if expected.dtype.kind not in "iuf":
        return bool((found == expected).all())
    scale = numpy.maximum(numpy.abs(expected), numpy.abs(expected).mean())
    # Other processors round differently.
    return bool((numpy.abs(found - expected) <= 10 * tolerance * scale).all())


def _compute(method: Method, folder: Path) -> Compute:
    # One thread: so the sums of a tree ensemble are made in the order in which they were compared.
    session = open_session(folder / method.graph, [CPU], threads=1)
    outputs = [session.get_outputs()[0].name]
    run = session.run
    if not method.output:
        return lambda feed: run(outputs, feed)[0]
    dtype = numpy.dtype(method.output)
    return lambda feed: run(outputs, feed)[0].astype(dtype)
