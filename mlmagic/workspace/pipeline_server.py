"""The files of the server of published pipelines: whether it is wanted, where it listens, its lock and log.

pipeline-server/
  MACHINE.wanted   the module that starts a run; there as long as the server is to run on that machine
  MACHINE.json     the port that it has, or had last, and the process
  MACHINE.lock     held by the server: there is one for each workspace and machine
  MACHINE.log
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from mlmagic.workspace import permissions
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.identity import ProcessIdentity, machine

FOLDER = "pipeline-server"
HOST = "127.0.0.1"
"""Where it listens."""
_LOG_SHOWN_BYTES = 2000


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server listens, or listened last."""

    port: int
    owner: str
    """The `ProcessIdentity` of the server."""

    @property
    def is_served(self) -> bool:
        """Whether the server still runs."""
        process = ProcessIdentity.parse(self.owner)
        return process is not None and not process.dead


class PipelineServerFiles:
    """The files of this machine's server, for the workspace in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._workspace = folder
        self._folder = folder / FOLDER

    def want(self, module: str) -> None:
        """Record that the server is to run, and the module that starts a run as a process."""
        if self.module() == module:
            return
        self._folder.mkdir(mode=0o770 if permissions.is_shared(self._workspace) else 0o700, exist_ok=True)
        write_atomically(self._file("wanted"), module, mode=self._mode)

    def unwant(self) -> None:
        """Record that the server is to end."""
        self._file("wanted").unlink(missing_ok=True)

    def module(self) -> str | None:
        """The module that starts a run; None if the server is not to run."""
        try:
            return self._file("wanted").read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def address(self) -> ServerAddress | None:
        """Where the server listens, or listened last; None before its first start."""
        try:
            record = json.loads(self._file("json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return ServerAddress(int(record["port"]), str(record["owner"]))

    def write_address(self, port: int) -> None:
        """Record that this process listens at the port."""
        record = {"port": port, "owner": str(ProcessIdentity.current())}
        write_atomically(self._file("json"), json.dumps(record), mode=self._mode)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the lock of the server; False if another process does. It ends with its process."""
        from filelock import FileLock, Timeout

        if not self._folder.is_dir():  # the workspace was deleted
            yield False
            return
        try:
            held = FileLock(self._file("lock"), mode=self._mode).acquire(timeout=0)
        except (Timeout, FileNotFoundError):
            yield False
            return
        with held:
            yield True

    def open_log(self) -> IO[bytes]:
        """The log, to append to."""
        return open(self._file("log"), "ab", opener=partial(os.open, mode=self._mode))

    def end_of_log(self) -> str:
        """The last lines of the log."""
        try:
            return self._file("log").read_bytes()[-_LOG_SHOWN_BYTES:].decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return ""

    def _file(self, ending: str) -> Path:
        return self._folder / f"{machine()}.{ending}"

    @property
    def _mode(self) -> int:
        return permissions.lock_mode(self._workspace)
