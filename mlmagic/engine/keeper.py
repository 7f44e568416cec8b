"""The process that looks after services when no kernel does.

`python -m mlmagic.engine.keeper FOLDER URL NAME`, with the parts of a `Location`.

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
from mlmagic.targets import registry
from mlmagic.targets.checkout import python_path
from mlmagic.workspace import deliveries, services
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

_LOCK_FILE = "keeper.lock"
_LOG_FILE = "keeper.log"
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
            [
                sys.executable,
                "-m",
                "mlmagic.engine.keeper",
                str(location.folder),
                location.database_url,
                location.name,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": python_path()},
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
        if not memory.is_there or not has_work(memory):
            return


def _until_no_work(memory: Memory, supervisor: Supervisor) -> None:
    import select

    with memory.bell() as bell:
        while supervisor.running and memory.is_there and has_work(memory):
            select.select([bell], [], [], _LOOK_SECONDS)
            bell.hush()


def has_work(memory: Memory) -> bool:
    """Whether somebody must be there: for services, or for notices that are not delivered yet."""
    with memory.reading() as tx:
        return bool(services.names(tx)) or deliveries.next_due(tx) is not None


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
    keep(Location(sys.argv[3], Path(sys.argv[1]), sys.argv[2]))
