"""An open workspace: its database, its files, and the signal that wakes other processes after a change.

The tables are modules of plain functions over a transaction (`models`, `services`, `events`), so that one
transaction can change a row and write its event together:

    with memory.writing() as tx:
        services.create(tx, ...)
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.scoring.wakeup import notify
from mlmagic.workspace import backups, permissions, run_folders
from mlmagic.workspace.files import FileStore
from mlmagic.workspace.location import DATABASE_FILE, Location
from mlmagic.workspace.remote_files import RemoteFiles
from mlmagic.workspace.wakeup import WakeupListener, remove_dead_listeners

if TYPE_CHECKING:
    from sqlalchemy import Connection

PRUNE_SECONDS = 3600.0
REPORT_SECONDS = 300.0

log = logging.getLogger(__name__)


class Memory:
    """One open workspace. Any number of threads and processes may have it open."""

    def __init__(self, location: Location) -> None:
        from mlmagic.workspace.connection import Database

        self.location = location
        self.folder = location.folder
        self.services_folder = self.folder / "services"
        self.wakeup_folder = self.folder / "bells"
        self._make_folders()
        self._inode = self.folder.stat().st_ino
        self.is_read_only = not os.access(self.folder, os.W_OK)
        """Whether it can be listed only: this user may not write to its folder."""
        self._database = Database(location.database_url, read_only=self.is_read_only)
        self.files = FileStore(self.folder, self._remote_files())
        self._is_cleaning_off = False
        self._prune_due = 0.0
        self._reported: dict[str, float] = {}
        self._reporting = threading.Lock()
        if not self.is_read_only:
            permissions.make_private(self.folder)
            self.sweep()
            self.maintain()

    def _make_folders(self) -> None:
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if os.access(self.folder, os.W_OK):
                self.services_folder.mkdir(exist_ok=True)
            os.listdir(self.folder)
        except OSError as error:
            raise WorkspaceUnavailable(
                f"the workspace's folder {self.folder} cannot be used: {error.strerror}",
                hint="Check that it is a folder that you may read and write.",
            ) from error

    def maintain(self) -> None:
        """Delete old events and deliveries, each hour, and back the database up, each day.

        Cheap when nothing is due. Whoever opens the workspace does it, and the supervisor goes on with it.
        """
        now = time.monotonic()
        if now >= self._prune_due:
            from mlmagic.workspace import retention

            self._prune_due = now + PRUNE_SECONDS
            retention.prune(self.reading, self.writing_quietly)
        if not self.is_shared and backups.is_due(self.folder):
            backups.make(self.folder / DATABASE_FILE)

    def _remote_files(self) -> RemoteFiles | None:
        if not self.location.files_url:
            return None
        from mlmagic.workspace.database import workspace

        try:
            with self.reading() as tx:
                return RemoteFiles(self.location.files_url, tx.scalars(workspace.select()).one())
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read-only transaction on one snapshot of the database."""
        with self._database.reading() as tx:
            yield tx

    def may_be_so(self, ask: Callable[[Connection], bool]) -> bool:
        """What ``ask`` finds in the database; True if that is away.

        So a supervisor starts, waits for it, and finds out; who asks after a change of their own gets no
        error, as that change was recorded.
        """
        try:
            with self._database.reading() as tx:
                return ask(tx)
        except WorkspaceUnavailable:
            return True

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes all or nothing.

        After it the listeners are notified, and files that have lost their last reference are removed.
        """
        from mlmagic.workspace import file_references

        with self._database.writing() as tx:
            yield tx
            has_unreferenced = file_references.has_unreferenced(tx)
        self.notify_all()
        if has_unreferenced or self.files.unrecorded:
            self._remove_unreferenced()

    @contextmanager
    def writing_quietly(self) -> Iterator[Connection]:
        """A transaction that writes values nobody waits for; it sends no wake-up signal."""
        with self._database.writing(durable=False) as tx:
            yield tx

    def report_outage(self, error: WorkspaceUnavailable) -> None:
        """Log that a thread meets ``error`` and tries again: all threads together, once in a few minutes."""
        now, message = time.monotonic(), str(error)
        with self._reporting:
            if now - self._reported.get(message, -math.inf) < REPORT_SECONDS:
                return
            self._reported[message] = now
        log.warning("%s Trying again", error)

    def notify_all(self) -> None:
        """Wake every process that has this workspace open, so that it reads the changes."""
        notify(str(self.wakeup_folder))

    def listener(self) -> WakeupListener:
        """A listener for the wake-up signals of all processes."""
        return WakeupListener(self.wakeup_folder)

    def sweep(self) -> None:
        """Remove what processes that were killed have left behind."""
        from mlmagic.workspace import file_references

        if self.files.has_intakes:
            with self._cleaning() as tx:
                self.files.sweep(lambda digest: file_references.is_referenced(tx, digest))
        self.remove_unreferenced()
        try:
            remove_dead_listeners(self.wakeup_folder)
            run_folders.sweep(self.services_folder, self._known_revisions)
        except OSError as error:  # it takes up space until the next opening
            log.warning("What processes that were killed have left behind was not removed. %s", error)

    def _known_revisions(self) -> Mapping[str, Collection[int]]:
        from mlmagic.workspace import services

        with self._database.reading() as tx:
            return services.known_revisions(tx)

    def remove_unreferenced(self) -> None:
        """Remove the files that have lost their last reference; returns when they are removed."""
        from mlmagic.workspace import file_references

        if self.may_be_so(file_references.has_unreferenced):
            self._remove_unreferenced()

    def _remove_unreferenced(self) -> None:
        from mlmagic.workspace import file_references

        if self._is_cleaning_off:
            return
        with self._cleaning() as tx:
            unrecorded = tuple(self.files.unrecorded)
            for digest in {*unrecorded, *file_references.unreferenced_digests(tx)}:
                if not file_references.is_referenced(tx, digest):
                    self.files.remove(digest)
            file_references.forget_unreferenced(tx)
            self.files.unrecorded.difference_update(unrecorded)

    @contextmanager
    def _cleaning(self) -> Iterator[Connection]:
        """A transaction that removes files. If it fails, they take up space until the next opening."""
        try:
            with self._database.writing() as tx:
                yield tx
        except (WorkspaceUnavailable, OSError) as error:
            self._is_cleaning_off = True
            log.warning("Files that nothing refers to were not removed. %s", error)

    @property
    def is_shared(self) -> bool:
        """Whether other machines may have it open, too: its database is on a server."""
        return not self.location.database_url.startswith("sqlite")

    @property
    def is_there(self) -> bool:
        """Whether the folder is still the one that was opened; it may have been deleted meanwhile."""
        try:
            return self.folder.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()
