"""Locks of several processes: those of earlier versions are respected, and a lock ends with its process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from mlmagic.engine.environments.store import Store
from mlmagic.engine.services.daemon import _daemon_lock

Lock = Callable[[], AbstractContextManager[bool]]

# As earlier versions take a lock.
FLOCK = """
import fcntl, sys
file = open(sys.argv[1], "a")
try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("held", flush=True)
except OSError:
    print("refused", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["environment", "daemon"])
def lock_and_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Lock, Path]:
    if request.param == "daemon":
        return lambda: _daemon_lock(tmp_path), tmp_path / "keeper.lock"
    store = Store(tmp_path / "environments")
    return lambda: store.lock("k", wait=False), store.root / "locks" / "k"


@contextmanager
def other_process(file: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of an earlier version that tries to take the lock, and what became of it."""
    command = [sys.executable, "-S", "-c", FLOCK, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            yield other, other.stdout.readline().strip()
        finally:
            other.kill()


@pytest.mark.processes
def test_an_earlier_version_and_this_one_exclude_each_other(lock_and_file: tuple[Lock, Path]) -> None:
    lock, file = lock_and_file
    with lock() as held:
        assert held
        with other_process(file) as (_, said):
            assert said == "refused"
    inode = file.stat().st_ino
    with other_process(file) as (other, said):
        assert said == "held"
        with lock() as held:
            assert not held
        other.kill()  # SIGKILL: the system releases its lock
        other.wait()
        with lock() as held:
            assert held
    # Whoever waits for the lock has this file open, so it must stay.
    assert file.stat().st_ino == inode


def test_one_thread_sees_that_the_lock_is_held(lock_and_file: tuple[Lock, Path]) -> None:
    lock, _ = lock_and_file
    with lock() as held, lock() as again:
        assert (held, again) == (True, False)


def test_a_deleted_workspace_has_no_daemon(tmp_path: Path) -> None:
    with _daemon_lock(tmp_path / "deleted") as free:
        assert not free
    assert list(tmp_path.iterdir()) == []
