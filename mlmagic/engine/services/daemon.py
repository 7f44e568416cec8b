"""The supervisor daemon (`python -m mlmagic.engine.services.daemon`): supervises when no kernel does.

There is one per workspace, started by any process that deploys, creates a schedule or reads the URL of a
published pipeline. It takes the lease of a service only when the holder has ended. It also runs the server of
published pipelines. It exits when no services are left, no schedule is active, that server is not wanted, no
delivery is due and there is nothing to clean up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.engine.pipeline_endpoints.server_process import ServerProcess
from mlmagic.engine.targets import Targets
from mlmagic.scoring.process_title import show_as
from mlmagic.targets.python_path import python_path
from mlmagic.workspace import deliveries, permissions, schedules, services, temporary_work
from mlmagic.workspace.atomic_writes import OWNER_ONLY
from mlmagic.workspace.identity import machine
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.pipeline_server import PipelineServerFiles

if TYPE_CHECKING:
    from mlmagic.engine.services.supervisor import Supervisor

# The names of the files are those of earlier versions: a daemon of either version must see the other.
_LOCK_FILE = "keeper.lock"
_LOG_FILE = "keeper.log"
_LOCATION_VARIABLE = "MLMAGIC_DAEMON_LOCATION"
_LOOK_SECONDS = 2.0
_STARTED_VARIABLE = "MLMAGIC_DAEMON_STARTED"
_LOCK_SECONDS = 1.0
"""A process that looks whether a daemon runs holds the lock for a moment."""


@dataclass(slots=True)
class _Child:
    """A daemon that this process has started, and the pipe that it closes when it has had its lock."""

    process: subprocess.Popen[bytes]
    pipe: int

    @property
    def is_starting(self) -> bool:
        """Whether it will take its lock yet. One that is ending must not pass for one that is starting."""
        if self.process.poll() is not None:
            return False
        readable, _, _ = select.select([self.pipe], [], [], 0)
        return not readable


_children: dict[Path, _Child] = {}
"""By workspace folder."""
_ending: list[subprocess.Popen[bytes]] = []
"""Daemons that have released their lock and still run: kept, so that they are reaped when they end."""


def ensure_daemon(location: Location) -> None:
    """Start the workspace's supervisor daemon unless it runs; returns at once."""
    child = _children.get(location.folder)
    if child is not None and child.is_starting:
        return
    with _daemon_lock(location.folder) as free:
        if not free:
            return
    if child is not None:
        os.close(child.pipe)
        del _children[location.folder]
        _ending[:] = [process for process in [*_ending, child.process] if process.poll() is None]
    _children[location.folder] = _start(location)


def _start(location: Location) -> _Child:
    pipe, started = os.pipe()
    try:
        opener = partial(os.open, mode=OWNER_ONLY)
        with open(location.folder / _LOG_FILE, "ab", opener=opener) as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlmagic.engine.services.daemon", str(location.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                pass_fds=(started,),
                # Not an argument: every user of the machine can see those, and there may be a password in it.
                env={
                    **os.environ,
                    "PYTHONPATH": python_path(),
                    _LOCATION_VARIABLE: location.to_json(),
                    _STARTED_VARIABLE: str(started),
                },
            )
    except BaseException:
        os.close(pipe)
        raise
    finally:
        os.close(started)
    return _Child(process, pipe)


def supervise(location: Location, started: int | None = None) -> None:
    """Supervise the workspace's services and deliver its notices until there are none.

    ``started`` is a file descriptor that is closed when the lock is taken, or cannot be.
    """
    # Here, because the processes that start a daemon import this module too.
    from mlmagic.engine.services.supervisor import Supervisor

    while True:
        with _daemon_lock(location.folder, _LOCK_SECONDS) as free:
            if started is not None:
                os.close(started)
                started = None
            if not free:
                return
            memory = Memory(location)
            supervisor = Supervisor(memory, Targets())
            supervisor.start()
            try:
                _until_no_work(memory, supervisor)
            finally:
                supervisor.close()
        # A process that deployed while this one still held the lock has not started another daemon.
        if not memory.is_there or not has_work(memory):
            return


def _until_no_work(memory: Memory, supervisor: Supervisor) -> None:
    server = ServerProcess(memory.location)
    with memory.listener() as listener:
        while supervisor.running and memory.is_there and has_work(memory):
            server.ensure()
            time.sleep(listener.pause)
            select.select([listener], [], [], _LOOK_SECONDS)
            listener.clear()


def has_work(memory: Memory) -> bool:
    """Whether a daemon is or may be needed.

    For services, schedules, published pipelines and leftovers of this machine, or for deliveries.
    """
    return PipelineServerFiles(memory.folder).module() is not None or memory.may_be_so(
        lambda tx: (
            bool(services.names(tx, for_machine=machine()))
            or deliveries.next_due(tx) is not None
            or temporary_work.is_anything_left(tx)
            or schedules.is_anything_to_do(tx)
        )
    )


@contextlib.contextmanager
def _daemon_lock(folder: Path, timeout: float = 0.0) -> Iterator[bool]:
    """Hold the daemon's lock; False if another process does so for ``timeout`` seconds.

    The lock ends with its process.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():  # the workspace was deleted
        yield False
        return
    try:
        lock = FileLock(folder / _LOCK_FILE, mode=permissions.lock_mode(folder)).acquire(timeout=timeout)
    except (Timeout, FileNotFoundError):
        yield False
        return
    with lock:
        yield True


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    # Taken out, so that the services this process starts do not inherit it.
    descriptor = os.environ.pop(_STARTED_VARIABLE, None)
    place = Location.from_json(os.environ.pop(_LOCATION_VARIABLE))
    show_as(f"mlmagic daemon of workspace {place.name}", "mlmagic.engine.services.daemon")
    supervise(place, int(descriptor) if descriptor else None)
