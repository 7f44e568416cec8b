"""What a batch job may be, how its input is split, and when it has failed."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.batch import BatchPlan, Tally, parse_size, rows_for, split
from mlmagic.errors import InvalidConfig, InvalidConfigs


@pytest.mark.parametrize(
    ("given", "expected"),
    [(10, 10), ("10", 10), ("1KB", 1024), ("2mb", 2 << 20), ("1 GB", 1 << 30), ("3M", 3 << 20)],
)
def test_sizes(given: str | int, expected: int) -> None:
    assert parse_size(given) == expected


@pytest.mark.parametrize("given", ["", "0", "-1", "many", "1TB", "1.5MB", 0])
def test_what_is_no_size(given: Any) -> None:
    with pytest.raises(InvalidConfig, match="must be a whole number, or a size"):
        parse_size(given)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"error_threshold": -2}, "error_threshold -2 must be a whole number from -1 on"),
        ({"error_threshold": True}, "error_threshold True"),
        ({"output_action": "print"}, "must be append_row or summary_only"),
        ({"process_count": 0}, "process_count 0 must be a whole number from 1 on"),
        ({"run_invocation_timeout": 0}, "run_invocation_timeout 0 must be above 0 s"),
        ({"run_max_try": 0}, "run_max_try 0 must be a whole number from 1 on"),
        ({"append_row_file_name": "a/b:c"}, "must not contain / :"),
        ({"allowed_failed_count": -2}, "allowed_failed_count -2"),
        ({"allowed_failed_percent": 100.5}, "allowed_failed_percent 100.5 must be between 0 and 100"),
        ({"mini_batch_size": "x"}, "mini_batch_size 'x'"),
        ({"mini_batch_size": 5, "partition_keys": ("a",)}, "mini_batch_size 5 excludes partition_keys"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfigs) as caught:
        BatchPlan(**changes)
    assert words in str(caught.value)


def test_output_actions_are_taken_in_any_case() -> None:
    assert BatchPlan(output_action="Append_Row").appends
    assert not BatchPlan(output_action="SUMMARY_ONLY").appends


def test_input_is_split_in_order_without_loss() -> None:
    assert split(list("abcde"), 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert split([], 3) == []


@pytest.mark.parametrize(
    ("wanted", "rows", "total", "expected"),
    [(100, 10, 1000, 1), (1, 10, 1000, 1), (500, 10, 1000, 5), (9, 3, 0, 27)],
)
def test_rows_of_a_size(wanted: int, rows: int, total: int, expected: int) -> None:
    assert rows_for(wanted, rows, total) == expected


@pytest.mark.parametrize(
    ("plan", "tally", "over", "words"),
    [
        ({}, {"failed_items": 9, "succeeded_items": 1}, True, ""),
        ({"error_threshold": 2}, {"failed_items": 2, "succeeded_items": 1}, True, ""),
        ({"error_threshold": 2}, {"failed_items": 3, "succeeded_items": 1}, False, "3 items have failed"),
        ({"error_threshold": 0}, {"failed_items": 1, "succeeded_items": 1}, False, "error_threshold 0"),
        ({"allowed_failed_count": 1}, {"failed_batches": 2}, False, "2 mini-batches have failed"),
        ({"allowed_failed_count": -1}, {"failed_batches": 2, "succeeded_items": 1}, True, ""),
        ({"allowed_failed_percent": 20}, {"failed_batches": 3}, False, "3 of 10 mini-batches have failed"),
        ({"allowed_failed_percent": 30}, {"failed_batches": 3, "succeeded_items": 1}, True, ""),
        ({}, {"failed_items": 50}, False, ""),
        ({}, {"failed_items": 50}, True, "There is no succeeded mini batch item"),
    ],
)
def test_when_a_job_has_failed(plan: dict[str, Any], tally: dict[str, int], over: bool, words: str) -> None:
    reason = Tally(10, 50, **tally).reason(BatchPlan(**plan), over=over)
    assert bool(reason) == bool(words)
    assert words in reason
