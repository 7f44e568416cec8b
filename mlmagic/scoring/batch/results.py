"""What run() returned, as bytes: lines of text, or a table in Arrow's stream format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

WRONG = "run() method in the entry script should return a list or a pandas DataFrame"
ROW_SEPARATOR = " "
"""Between the columns of a DataFrame's row, as readers of parallel_run_step.txt expect."""
PREDICTION = "prediction"
"""The column of results that have no name; with several values to a row, ``prediction_0`` and so on."""


class Encoder(ABC):
    """Makes the results of one mini-batch bytes. ``keep`` are columns of the input that stand beside them."""

    def __init__(self, keep: Sequence[str]) -> None:
        self._keep = list(keep)

    def kept(self, mini_batch: Any) -> Any:
        """The columns of the mini-batch that are kept; None without any."""
        return None

    @abstractmethod
    def encode(self, result: Any, kept: Any) -> tuple[int, bytes]:
        """The number of results, and their bytes. Raises `TypeError` for what is no list, array or table."""


class Lines(Encoder):
    """A line of text for each element, or row of a DataFrame."""

    def encode(self, result: Any, kept: Any) -> tuple[int, bytes]:
        lines = lines_of(result)
        return len(lines), "".join(f"{line}\n" for line in lines).encode()


class Counted(Encoder):
    """Only the number of results."""

    def encode(self, result: Any, kept: Any) -> tuple[int, bytes]:
        return len(as_sequence(result)), b""


class Tables(Encoder):
    """A row for each element, or row of a DataFrame."""

    def kept(self, mini_batch: Any) -> Any:
        if not self._keep:
            return None
        if not hasattr(mini_batch, "columns"):
            raise TypeError(f"a mini-batch of files has no column to keep: {', '.join(self._keep)}")
        missing = [name for name in self._keep if name not in mini_batch.columns]
        if missing:
            raise KeyError(f"the input has no column {missing[0]!r} to keep; it has {[*mini_batch.columns]}")
        return mini_batch[self._keep].reset_index(drop=True).copy()

    def encode(self, result: Any, kept: Any) -> tuple[int, bytes]:
        import pyarrow

        if kept is None and _is_numbers(result):  # quicker than through a DataFrame
            count, columns = len(result), _columns_of(result)
            table = pyarrow.table(
                {name: pyarrow.array(found, from_pandas=True) for name, found in columns.items()}
            )
        else:
            frame = _frame_of(result)
            if kept is not None:
                frame = _beside(kept, frame)
            count, table = len(frame), pyarrow.Table.from_pandas(frame, preserve_index=False)
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return count, sink.getvalue().to_pybytes()


ENCODERS: dict[str, type[Encoder]] = {"lines": Lines, "table": Tables, "count": Counted}


def lines_of(result: Any) -> list[str]:
    """A line for each element; a row of a DataFrame has its columns with blanks between."""
    if _is_frame(result):
        text = result.to_csv(sep=ROW_SEPARATOR, header=False, index=False)
        return str(text).splitlines()
    return [" ".join(str(each).splitlines()) for each in as_sequence(result)]


def as_sequence(result: Any) -> Any:
    """``result`` as something with a length. Raises `TypeError` for what is no list, array or DataFrame."""
    if _is_frame(result):
        return result
    if isinstance(result, str | bytes | dict) or not isinstance(result, Iterable):
        raise TypeError(f"{WRONG}; it returned {type(result).__name__}")
    return result if hasattr(result, "__len__") and getattr(result, "ndim", 1) > 0 else list(result)


def _is_frame(result: Any) -> bool:
    return hasattr(result, "to_csv") and hasattr(result, "columns")


def _frame_of(result: Any) -> Any:
    import numpy
    import pandas

    found = as_sequence(result)
    if _is_frame(found):
        frame = found.reset_index(drop=True)
        return frame.rename(columns=str)
    if hasattr(found, "to_frame"):  # a Series
        return found.reset_index(drop=True).to_frame(str(found.name or PREDICTION))
    if isinstance(found, numpy.ndarray):
        if found.ndim in (1, 2):
            return pandas.DataFrame(_columns_of(found), index=range(len(found)))
        found = found.tolist()
    if found and all(isinstance(each, dict) for each in found):
        return pandas.DataFrame.from_records(list(found)).rename(columns=str)
    return pandas.DataFrame({PREDICTION: list(found)})


def _is_numbers(result: Any) -> bool:
    """Whether it is an array of numbers that Arrow and pandas make the same column of."""
    import numpy

    # Not a subclass: a masked array has values that its buffer does not show.
    return (
        type(result) is numpy.ndarray
        and result.ndim in (1, 2)
        and result.dtype.kind in "biuf"
        and result.dtype.isnative
    )


def _columns_of(array: Any) -> dict[str, Any]:
    """The columns of an array with one or two dimensions, by name."""
    if array.ndim == 1 or array.shape[1] == 1:
        return {PREDICTION: array.reshape(-1)}
    return {f"{PREDICTION}_{at}": array[:, at] for at in range(array.shape[1])}


def _beside(kept: Any, frame: Any) -> Any:
    import pandas

    if len(kept) != len(frame):
        raise ValueError(
            f"run() returned {len(frame)} results for {len(kept)} rows: columns of the input can be kept "
            "only with one result for each row"
        )
    added = frame.drop(columns=[name for name in kept.columns if name in frame.columns])
    return pandas.concat([kept, added], axis=1)
