"""Locks of several processes: those of earlier versions are respected, and a lock ends with its process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from mlmagic.engine.environments.store import Store
from mlmagic.engine.services.daemon import _Child, _children, _daemon_lock, ensure_daemon, supervise
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

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


@pytest.mark.processes
@pytest.mark.parametrize("has_its_lock", [False, True], ids=["starting", "ending"])
def test_a_daemon_that_is_ending_does_not_pass_for_one_that_is_starting(
    location: Location, memory: Memory, has_its_lock: bool
) -> None:
    """Between its last look for work and its end, a process that deploys must start another."""
    reader, writer = os.pipe()
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            _children[location.folder] = child = _Child(process, reader)
            if has_its_lock:
                os.close(writer)
            assert child.is_starting != has_its_lock
            ensure_daemon(location)
            started = _children.pop(location.folder)
            assert (started is not child) == has_its_lock
            if has_its_lock:
                assert started.process.wait(60) == 0  # there is no work
                assert not started.is_starting
                os.close(started.pipe)
            else:
                os.close(writer)
                os.close(reader)
        finally:
            process.kill()


@pytest.mark.processes
def test_a_daemon_waits_for_who_only_looks(location: Location, memory: Memory) -> None:
    with _daemon_lock(location.folder) as free:
        assert free
        ensure_daemon(location)
        assert location.folder not in _children
    with _daemon_lock(location.folder):
        started = threading.Thread(target=supervise, args=(location,))
        started.start()
        started.join(0.2)
        assert started.is_alive(), "it tries for a while"
    started.join(60)
    assert not started.is_alive()
