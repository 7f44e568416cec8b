"""The second argument of run(), if it takes one: facts about its mini-batch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from mlmagic.scoring.batch.tables import TableReader


@dataclass(frozen=True)
class MiniBatchContext:
    """The second argument of ``run(mini_batch, mini_batch_context)``.

    Source: ParallelRunStep of Azure ML v1, and its notebooks on partitions.
    """

    minibatch_index: int
    """The number of the mini-batch, from 0."""
    global_row_index_lower_bound: int | None
    """The number of its first row or file in the whole input, from 0; None for a partition by columns."""
    partition_key_value: Mapping[str, Any] | None
    """The value of each partition key; None without ``partition_keys``."""
    dataset: MiniBatchDataset

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> MiniBatchContext:
        """From a task's ``context``."""
        given = task["context"]
        return cls(
            given["index"],
            given.get("first"),
            given.get("partition"),
            MiniBatchDataset(task.get("files"), task.get("slices")),
        )


class MiniBatchDataset:
    """The part of the input that a mini-batch is, as a dataset."""

    def __init__(self, files: list[str] | None, slices: list[dict[str, Any]] | None) -> None:
        self._files, self._slices = files, slices

    def to_path(self) -> list[str]:
        """The files of a mini-batch of files."""
        return list(self._files or ())

    def to_pandas_dataframe(self) -> Any:
        """The rows of a mini-batch of rows, read again."""
        if self._slices is None:
            raise TypeError("a mini-batch of files has no rows: use to_path()")
        with closing(TableReader()) as reader:
            return reader.read(self._slices)

    def __repr__(self) -> str:
        if self._files is not None:
            return f"FileDataset(paths={self._files})"
        return f"TabularDataset(paths={sorted({each['path'] for each in self._slices or ()})})"
