"""The process that looks after services when no kernel does: `python -m mlmagic.engine.keeper FOLDER`.

One per workspace, started by whoever deploys, holding nothing a kernel holds: leases are free for it only
when their holder has ended. It ends when no services are left and nothing is on its way to a subscriber.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mlmagic.engine.supervisor import Supervisor
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.targets import registry
from mlmagic.targets.python_path import python_path
from mlmagic.workspace import deliveries, services
from mlmagic.workspace.identity import machine
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

_LOCK_FILE = "keeper.lock"
_LOG_FILE = "keeper.log"
_LOCATION_VARIABLE = "MLMAGIC_KEEPER_LOCATION"
_LOOK_SECONDS = 2.0
_children: dict[Path, subprocess.Popen[bytes]] = {}
"""Keepers this process started, by workspace folder: one that is starting has not got its lock yet."""


def ensure_keeper(location: Location) -> None:
    """Start the workspace's keeper unless it runs; returns at once."""
    started = _children.get(location.folder)
    if started is not None and started.poll() is None:
        return
    with _keeper_lock(location.folder) as free:
        if not free:
            return
    with (location.folder / _LOG_FILE).open("ab") as log:
        _children[location.folder] = subprocess.Popen(
            [sys.executable, "-m", "mlmagic.engine.keeper", str(location.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            # Not an argument: every user of the machine can see those, and there may be a password in it.
            env={**os.environ, "PYTHONPATH": python_path(), _LOCATION_VARIABLE: location.to_json()},
        )


def keep(location: Location) -> None:
    """Look after the workspace's services and notices until there are none."""
    while True:
        with _keeper_lock(location.folder) as free:
            if not free:
                return
            memory = Memory(location)
            supervisor = Supervisor(memory, registry.load)
            supervisor.start()
            try:
                _until_no_work(memory, supervisor)
            finally:
                supervisor.close()
        # Somebody may have deployed while we still held the lock, and so not have started another keeper.
        if not memory.is_there or not _may_be_needed(memory):
            return


def _until_no_work(memory: Memory, supervisor: Supervisor) -> None:
    import select

    with memory.bell() as bell:
        while supervisor.running and memory.is_there and _may_be_needed(memory):
            select.select([bell], [], [], _LOOK_SECONDS)
            bell.hush()


def _may_be_needed(memory: Memory) -> bool:
    try:
        return has_work(memory)
    except WorkspaceUnavailable:  # the services run on while the database is away, and will need us after it
        return True


def has_work(memory: Memory) -> bool:
    """Whether somebody must be there: for services of this machine, or notices that are not delivered yet."""
    with memory.reading() as tx:
        return bool(services.names(tx, for_machine=machine())) or deliveries.next_due(tx) is not None


@contextlib.contextmanager
def _keeper_lock(folder: Path) -> Iterator[bool]:
    """Hold the keeper's lock; False if somebody else does. A lock ends with its process, however it ends."""
    try:
        file = (folder / _LOCK_FILE).open("a")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    # Taken out, so that the services this process starts do not inherit it.
    keep(Location.from_json(os.environ.pop(_LOCATION_VARIABLE)))
