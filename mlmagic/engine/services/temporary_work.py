"""Temporary work: operations in a folder of their own that may launch services for a while.

    with self._work.begin("parity") as item:
        ...  # files in item.folder
        with item.running(target, spec, notify) as handle:
            ...

Afterwards the folder is removed and nothing runs any more. If the process is killed in between, the next
supervisor on this machine cleans up (see `cleanup`).
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.notify import Notify
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine.services import cleanup
from mlmagic.engine.targets import Targets
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import temporary_work
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.temporary_work import Launch, UnfinishedRecord, Work

if TYPE_CHECKING:
    from sqlalchemy import Connection


class WorkItem:
    """One piece of temporary work that this process does; for use by one thread at a time."""

    def __init__(self, memory: Memory, kind: str) -> None:
        self._memory = memory
        work = Work(uuid.uuid4().hex[:12], kind, ProcessIdentity.current().mark())
        self.folder = Path(tempfile.gettempdir()).absolute() / work.folder_name
        """Removed when the work is done."""
        self.work = replace(work, folders=(str(self.folder),))

    def own(self, folder: Path) -> None:
        """Have ``folder``, in the workspace, removed as well if it is there when the work ends."""
        with self._memory.writing_quietly() as tx:
            self._write(tx, replace(self.work, folders=(*self.work.folders, str(folder))))

    def unfinished(self, tx: Connection, asset: Asset, **changes: Any) -> None:
        """Have ``changes`` and an error written to ``asset`` if it still says Running when the work ends."""
        unfinished = UnfinishedRecord(asset.kind, asset.name, asset.version, changes)
        self._write(tx, replace(self.work, unfinished=unfinished))

    @contextmanager
    def running(self, target: ComputeTarget[Any], spec: ServiceSpec, notify: Notify) -> Iterator[Any]:
        """Launch a service and stop it afterwards; gives its handle. Raises what the launch raises."""
        launch = Launch(target.name, cleanup.record_of(spec))
        self._record(spec, launch)  # first: a kill during the launch must not leave an unknown service
        handle = target.launch(spec, notify)
        try:
            self._record(spec, replace(launch, handle=target.pack(handle)))
            yield handle
        finally:
            target.stop(handle, grace=cleanup.STOP_SECONDS)
            self._record(spec)

    def _record(self, spec: ServiceSpec, *launch: Launch) -> None:
        """Record what is known of the launch of ``spec``; nothing when it has been stopped."""
        others = [one for one in self.work.launches if one.spec["run_dir"] != spec.run_dir]
        with self._memory.writing_quietly() as tx:
            self._write(tx, replace(self.work, launches=(*others, *launch)))

    def _write(self, tx: Connection, work: Work) -> None:
        temporary_work.write(tx, work)
        self.work = work


class TemporaryWork:
    """Begins temporary work in one workspace and cleans up after it."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self._memory, self._targets = memory, targets

    @contextmanager
    def begin(self, kind: str) -> Iterator[WorkItem]:
        """Start work with an empty folder of its own.

        Raises `WorkspaceUnavailable`, with what to do, if a disk is full.
        """
        item = WorkItem(self._memory, kind)
        with self._memory.writing_quietly() as tx:
            temporary_work.add(tx, item.work)
        error = ""
        try:
            with with_remedy(item.folder):
                item.folder.mkdir(mode=0o700)
                yield item
        except BaseException as raised:
            error = str(raised) or type(raised).__name__
            raise
        finally:
            self._end(item.work, error)

    def sweep(self, mark: str) -> None:
        """Clean up after the work of processes that have ended. See `cleanup.sweep`."""
        cleanup.sweep(self._memory, self._targets, mark)

    def _end(self, work: Work, error: str) -> None:
        try:
            cleanup.clean(self._memory, self._targets, work, error)
        except BaseException as raised:
            cleanup.put_off(self._memory, work, raised)
            if not isinstance(raised, Exception):
                raise
