"""What a process has started, and what that has."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from mlmagic.targets.local import process
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

COMMAND = "sleep 600 & sh -c 'sleep 600; exit' & wait"


@pytest.fixture
def started() -> Iterator[int]:
    child = subprocess.Popen(["sh", "-c", COMMAND], start_new_session=True)
    yield child.pid
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@pytest.mark.parametrize("kernel_tells", [True, False])
def test_children_and_theirs_are_found(
    started: int, monkeypatch: pytest.MonkeyPatch, kernel_tells: bool
) -> None:
    if not kernel_tells:

        def refuse(_pid: int) -> list[int]:
            raise FileNotFoundError

        monkeypatch.setattr(process, "_children_below", refuse)
    wait_for(lambda: len(process.tree_of(started)) == 4, "all of them")
    tree = process.tree_of(started)
    assert tree[0].pid == started
    assert {each.pid for each in tree[1:]} == {
        each.pid for each in psutil.Process(started).children(recursive=True)
    }


def test_one_that_has_ended_is_told() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(psutil.NoSuchProcess):
        process.tree_of(child.pid)
