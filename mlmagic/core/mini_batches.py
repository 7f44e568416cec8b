"""Mini-batches of a batch job, and the spans of them that are scored together. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from typing import Any

MOST_SPANS = 2000
"""Each span costs the scheduler about a millisecond, and its results are a file until the job ends."""
SPANS_PER_PROCESS = 4
"""With fewer, some processes would wait for the last spans of others."""


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """The input of one call of run()."""

    number: int
    items: int
    """The number of files or rows."""
    task: Mapping[str, Any]
    """``files``, or the ``slices`` of tables with the rows; and the ``context``."""
    place: Any = None
    """Mini-batches of one place, such as a row group, are best read by one process, one after another."""


@dataclass(frozen=True, slots=True)
class Span:
    """Mini-batches that one process scores one after another; their results are recorded together."""

    batches: tuple[MiniBatch, ...]

    @property
    def first(self) -> int:
        """The number of the first mini-batch, by which the span is known."""
        return self.batches[0].number


def spans_of(batches: Sequence[MiniBatch], processes: int) -> list[Span]:
    """All mini-batches in spans, in their order.

    A span has mini-batches of one place, without a gap between their numbers. Those without a place have
    spans of one, unless there are very many.
    """
    several = max(1, ceil(len(batches) / MOST_SPANS))
    together = max(several, ceil(len(batches) / (processes * SPANS_PER_PROCESS)))
    spans = []
    for (place, _), group in groupby(enumerate(batches), key=lambda at: (at[1].place, at[1].number - at[0])):
        found = [batch for _, batch in group]
        size = several if place is None else together
        spans += [Span(tuple(found[at : at + size])) for at in range(0, len(found), size)]
    return spans


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one mini-batch."""

    number: int
    succeeded: int
    """The number of results."""
    failed: int
    """The items without a result."""
    failure: Mapping[str, Any] | None = None
    """Of a failed mini-batch its last error: ``batch``, ``tries``, ``type``, ``message``, ``traceback``."""

    @classmethod
    def of(cls, batch: MiniBatch, count: int) -> BatchResult:
        """Of a call that has returned ``count`` results."""
        return cls(batch.number, count, max(0, batch.items - count))

    @classmethod
    def failing(cls, batch: MiniBatch, tries: int, error: Mapping[str, Any]) -> BatchResult:
        """Of a mini-batch whose last try ended with ``error``."""
        return cls(batch.number, 0, batch.items, {"batch": batch.number, "tries": tries, **error})

    def record(self) -> dict[str, Any]:
        """As JSON values; see `of_record`."""
        return {
            "number": self.number,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "failure": None if self.failure is None else dict(self.failure),
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> BatchResult:
        """What `record` returned."""
        return cls(record["number"], record["succeeded"], record["failed"], record["failure"])


@dataclass(frozen=True, slots=True)
class SpanResult:
    """What became of a span: its mini-batches, and the results of all together as they are written."""

    batches: tuple[BatchResult, ...]
    payload: bytes = b""
    log: bytes = field(default=b"", repr=False)
    """What the script printed, where the process that scored it cannot write to the job's log."""

    @property
    def first(self) -> int:
        """The number of the span's first mini-batch."""
        return self.batches[0].number


def common_type(types: Iterable[str]) -> tuple[str | None, str | None]:
    """How a column is read that has these types in parts of a text file: for the parser, and for afterwards.

    The parts then have the type that the whole file would have: numbers of different kinds are float64,
    text beside anything is text, and other mixtures stay as they are, as objects. ``empty`` is a part without
    any value.
    """
    found = set(types)
    filled = found - {"empty"}
    if len(found) == 1 and filled:
        return next(iter(found)), None
    if filled <= {"int64", "float64"}:
        return "float64", None
    if "bool" not in filled and filled & {"object", "str"}:
        return "str", None
    if len(filled) == 1 and (kind := next(iter(filled))).startswith("datetime64"):
        return None, kind
    return None, "object"
