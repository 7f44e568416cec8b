"""Mini-batches, the spans of them, and the types of columns that are read in parts."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.mini_batches import MOST_SPANS, BatchResult, MiniBatch, common_type, spans_of


def batches(*places: Any) -> list[MiniBatch]:
    return [MiniBatch(number, 1, {}, place) for number, place in enumerate(places)]


@pytest.mark.parametrize(
    ("places", "processes", "numbers"),
    [
        # Without a place, each mini-batch is a span: files are scored wherever there is a process.
        ((None, None, None), 2, [[0], [1], [2]]),
        # Mini-batches of a row group stay together, as long as there are spans for all processes.
        (("a",) * 3 + ("b",) * 3, 1, [[0, 1], [2], [3, 4], [5]]),
        (("a", "b", "b", None), 1, [[0], [1], [2], [3]]),
        (("a",) * 16, 1, [[*range(4)], [*range(4, 8)], [*range(8, 12)], [*range(12, 16)]]),
    ],
)
def test_spans(places: Any, processes: int, numbers: list[list[int]]) -> None:
    assert [[one.number for one in span.batches] for span in spans_of(batches(*places), processes)] == numbers


def test_a_span_has_no_gap() -> None:
    left = [batch for batch in batches(*["a"] * 32) if batch.number not in (1, 2)]
    assert [span.first for span in spans_of(left, 1)][:2] == [0, 3]


def test_very_many_mini_batches_are_few_spans() -> None:
    spans = spans_of(batches(*[None] * (MOST_SPANS * 3)), 2)
    assert len(spans) == MOST_SPANS
    assert sum(len(span.batches) for span in spans) == MOST_SPANS * 3


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (["int64"], ("int64", None)),
        (["int64", "int64"], ("int64", None)),
        (["int64", "float64"], ("float64", None)),
        (["int64", "empty"], ("float64", None)),  # a gap in a column of whole numbers
        (["empty"], ("float64", None)),
        (["int64", "object"], ("str", None)),
        (["object", "empty"], ("str", None)),
        (["str", "float64"], ("str", None)),
        (["bool", "empty"], (None, "object")),
        (["bool", "object"], (None, "object")),
        (["datetime64[ns]", "empty"], (None, "datetime64[ns]")),
    ],
)
def test_the_type_of_a_column_is_that_of_the_whole_file(types: list[str], found: Any) -> None:
    assert common_type(types) == found


def test_items_without_a_result_have_failed() -> None:
    batch = MiniBatch(3, 5, {})
    assert BatchResult.of(batch, 4) == BatchResult(3, 4, 1)
    assert BatchResult.of(batch, 9) == BatchResult(3, 9, 0)
    failing = BatchResult.failing(batch, 2, {"type": "ValueError"})
    assert (failing.failed, failing.failure) == (5, {"batch": 3, "tries": 2, "type": "ValueError"})
    assert BatchResult.of_record(failing.record()) == failing
