"""A log that is rotated while it is read."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlmagic.scoring.log_rotation import LOG, LogRotation
from mlmagic.targets.local.log_files import lines_of as timed_lines_of

WRITES = """
import os, sys
from pathlib import Path
from mlmagic.scoring.log_rotation import LogRotation
folder = Path(sys.argv[1])
rotation = LogRotation.of(folder, {"MLMAGIC_LOG_MAX_BYTES": "1000", "MLMAGIC_LOG_FILES": "3"})
for number in range(int(sys.argv[2])):
    os.write(1 + number % 2, f"line {number}\\n".encode())
    rotation.rotate_if_large()
"""


def lines_of(path: Path, tail: int, wait: Callable[[], bool] | None = None) -> list[str]:
    return [line.text for line in timed_lines_of(path, tail, wait)]


@pytest.fixture
def write(tmp_path: Path) -> object:
    def write(count: int) -> Path:
        with (tmp_path / LOG).open("ab") as log:
            command = [sys.executable, "-c", WRITES, str(tmp_path), str(count)]
            subprocess.run(command, stdout=log, stderr=log, check=True)
        return tmp_path / LOG

    return write


@pytest.mark.processes
@pytest.mark.parametrize("count", [10, 150, 1000])
def test_the_last_lines_are_read_across_the_files_that_are_kept(write, count: int) -> None:
    path = write(count)
    sizes = [each.stat().st_size for each in path.parent.glob(f"{LOG}*")]
    assert len(sizes) == min(3, 1 + count // 100)
    assert max(sizes) < 1100
    lines = [f"line {number}" for number in range(count)]
    assert lines_of(path, 50) == lines[-50:]
    everything = lines_of(path, 10_000)
    assert everything == lines[-len(everything) :]
    assert len(everything) == count or len(everything) > 180


def test_who_follows_a_log_sees_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / LOG
    path.write_text("before\n")
    numbers = itertools.count(1)

    def more() -> bool:
        number = next(numbers)
        with path.open("a") as log:
            log.write(f"old {number}\n")
        if number % 2:
            os.replace(path, f"{path}.1")
            path.write_text(f"new {number}\n")
        return number < 4

    assert lines_of(path, 10, more) == ["before", "old 1", "new 1", "old 2", "old 3", "new 3"]


def test_a_log_that_is_elsewhere_is_not_rotated(tmp_path: Path) -> None:
    (tmp_path / LOG).touch()
    assert LogRotation.of(tmp_path) is None  # the output of the tests is not this file
    assert LogRotation.of(None) is None
    assert lines_of(tmp_path / "nowhere", 5) == []


def test_lines_have_the_time_that_the_server_has_written(tmp_path: Path) -> None:
    lines = (
        "begun by something else",
        "1970-01-01T00:01:00.500Z stdout F [r-1] ready",
        "1970-01-01T00:01:01.000Z stderr F ",
        "1970-01-01T00:01:02.000Z is no time of ours",
    )
    (tmp_path / LOG).write_text("".join(f"{line}\n" for line in lines))
    assert list(timed_lines_of(tmp_path / LOG, 9)) == [
        (None, "begun by something else"),
        (60.5, "[r-1] ready"),
        (61.0, ""),
        (None, "1970-01-01T00:01:02.000Z is no time of ours"),
    ]
