"""A workspace, opened: its rows, its files, and the bell that tells of changes.

The tables are modules of plain functions over a transaction (`models`, `services`, `events`), so that one
transaction can change a row and write its event together:

    with memory.writing() as tx:
        services.create(tx, ...)
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.scoring.wakeup import notify
from mlmagic.workspace.bells import Bell, sweep_bells
from mlmagic.workspace.contents import Contents
from mlmagic.workspace.files import FileStore
from mlmagic.workspace.location import Location

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)


class Memory:
    """One open workspace. Any number of threads and processes may have it open."""

    def __init__(self, location: Location) -> None:
        from mlmagic.workspace.database import Database

        self.location = location
        self.folder = location.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._inode = self.folder.stat().st_ino
        self.services_folder = self.folder / "services"
        self.services_folder.mkdir(exist_ok=True)
        self.bells_folder = self.folder / "bells"
        self._database = Database(location.database_url)
        self.files = FileStore(self.folder, self._contents())
        self.sweep()

    def _contents(self) -> Contents | None:
        if not self.location.files_url:
            return None
        from mlmagic.workspace.database import workspace

        try:
            with self.reading() as tx:
                return Contents(self.location.files_url, tx.scalars(workspace.select()).one())
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and changes nothing."""
        with self._database.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes all or nothing, and rings when it is done."""
        with self._database.writing() as tx:
            yield tx
        self.ring()
        self._remove_left()

    @contextmanager
    def quietly_writing(self) -> Iterator[Connection]:
        """A transaction that writes what nobody waits for, so that nobody is woken for it."""
        with self._database.writing() as tx:
            yield tx

    def ring(self) -> None:
        """Tell every process that has this workspace open to look."""
        notify(str(self.bells_folder))

    def bell(self) -> Bell:
        """A bell that rings at each change, in whichever process it was made."""
        return Bell(self.bells_folder)

    def sweep(self) -> None:
        """Take away what processes that were killed have left half-done."""
        sweep_bells(self.bells_folder)
        if self.files.has_intakes:
            from mlmagic.workspace import models

            with self._database.writing() as tx:
                self.files.sweep(lambda digest: models.is_referenced(tx, digest))
            self._remove_left()
        # Folders first, rows second: a service's row is written before its folder is made, so a folder
        # whose row is missing now belongs to nobody.
        folders = list(self.services_folder.iterdir())
        if folders:
            from mlmagic.workspace import services

            with self._database.reading() as tx:
                known = {service.id for service in services.list_services(tx)}
            for folder in folders:
                if folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)

    def _remove_left(self) -> None:
        if self.files.has_leaving:
            from mlmagic.workspace import models

            try:
                with self._database.writing() as tx:
                    self.files.remove_left(lambda digest: models.is_referenced(tx, digest))
            except WorkspaceUnavailable as error:  # what was asked for is done; this costs room only
                log.warning("files that nobody needs were left behind. %s", error)

    def keep_private(self) -> None:
        """Let the machine's other users not read the rows; the group of a shared folder still may."""
        for file in self.folder.glob("workspace.db*"):
            with suppress(OSError):
                file.chmod(file.stat().st_mode & 0o770)

    @property
    def is_shared(self) -> bool:
        """Whether other machines may have it open too: its rows are on a server."""
        return not self.location.database_url.startswith("sqlite")

    @property
    def is_there(self) -> bool:
        """Whether the folder is still the one that was opened: somebody may remove a workspace."""
        try:
            return self.folder.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        self._database.close()
