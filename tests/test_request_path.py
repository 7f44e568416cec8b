"""A request is no more work for the server than it was: instructions, counted by Valgrind."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.support import request_path

KEPT = {"plain": 2.0, "typed": 3.0}


@pytest.mark.parametrize(
    ("measured", "slow"),
    [
        ({"plain": 2.0, "typed": 3.0}, []),
        ({"plain": 1.0, "typed": 3.4}, []),
        ({"plain": 2.0, "typed": 3.6}, ["typed"]),
        ({"plain": 2.4, "typed": 3.6}, ["plain", "typed"]),
    ],
)
def test_what_is_too_slow(measured: Mapping[str, float], slow: list[str]) -> None:
    assert [line.partition(":")[0] for line in request_path.too_slow(measured, KEPT)] == slow


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_request_is_as_little_work_as_it_was() -> None:
    """If it is more for a good reason: `python -m tests.benchmarks.request_path --record`."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    if not request_path.VALGRIND:
        missing("valgrind is not installed")
    kept = request_path.recorded()
    if not kept:
        pytest.skip(f"there is no record of Python {request_path.version()}")
    measured = request_path.measure()
    assert sorted(measured) == sorted(kept)
    assert request_path.too_slow(measured, kept) == []
