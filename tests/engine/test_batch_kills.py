"""Batch jobs whose processes are killed: each row is in the results once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.batch_kills import Chaos

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_is_there_once(tmp_path: Path, seed: int) -> None:
    chaos = Chaos(tmp_path, seed)
    chaos.run(12)
    assert sum(chaos.killed.values()) == 12


def test_with_a_scheduler_of_its_own(tmp_path: Path, free_port: int) -> None:
    chaos = Chaos(tmp_path, 3, port=free_port)
    chaos.run(10)
    assert sum(chaos.killed.values()) == 10
