"""Stored files: each is stored once under its SHA-256, however many models or scripts contain it.

Files come in through an `Intake`: a folder of its own under ``incoming/``, named after the process that
owns it. Publishing moves them to their place by rename, inside the transaction that records them. A process
killed on the way leaves an intake without a living owner, and `FileStore.sweep` removes it.

A team has a store that all its machines can reach (`remote_files`). The files in the folder are then copies
of those this machine has used, and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlmagic.core.folders import files_below
from mlmagic.core.model import StoredFile
from mlmagic.core.paths import check_relative, join
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.workspace.file_writing import copy_and_hash, storing_in, sync, write_and_hash
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.remote_files import RemoteFiles, missing

FILE_KIND = "path of a stored file"
MANIFEST = "manifest"
"""In the folder of an intake: the hashes of what it may have stored."""
_SHA256 = re.compile("[0-9a-f]{64}")


class FileStore:
    """The files of one workspace folder, and of the team's store if there is one."""

    def __init__(self, folder: Path, contents: RemoteFiles | None = None) -> None:
        self.contents = contents
        self.unrecorded: set[str] = set()
        """What intakes that failed may have stored, although no row refers to it."""
        self._blobs = folder / "files"
        self._incoming = folder / "incoming"
        for path in (self._blobs, self._incoming):
            path.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """The path in the folder for a SHA-256, whether the file exists or not.

        Raises `InvalidConfig` for anything else, such as a row that was changed by hand.
        """
        if not _SHA256.fullmatch(digest):
            raise InvalidConfig("SHA-256 of a stored file", digest, "must have 64 hexadecimal digits")
        return self._blobs / digest[:2] / digest

    def url(self, digest: str) -> str:
        """The URL of the file with this SHA-256."""
        return self.contents.url(digest) if self.contents else self.path(digest).as_uri()

    def has(self, digest: str) -> bool:
        """Whether the file with this SHA-256 is in the folder or in the team's store."""
        if self.path(digest).exists():
            return True
        return self.contents is not None and self.contents.has(digest)

    def fetched(self, digest: str) -> Path:
        """The path of the file with this SHA-256, downloaded from the team's store if necessary.

        Raises `NotFound` with the hash and the store, and `WorkspaceUnavailable`.
        """
        place = self.path(digest)
        if place.exists():
            return place
        if self.contents is None:
            raise missing(digest, str(self._blobs))
        with self.intake() as intake:
            intake.fetch(self.contents, digest)
        return place

    @contextmanager
    def intake(self) -> Iterator[Intake]:
        """Store new files; those that were not published when the block ends are discarded."""
        folder = self._incoming / ProcessIdentity.current().mark()
        with storing_in(self._incoming):
            folder.mkdir()
        intake = Intake(self, folder)
        try:
            yield intake
        except BaseException:
            self.unrecorded |= intake.stored
            # `sweep` needs the list of what it may have stored if this process ends before its next write.
            _remove_below(folder, but=MANIFEST if intake.stored else "")
            raise
        shutil.rmtree(folder, ignore_errors=True)

    def lay_out(self, files: Iterable[StoredFile], folder: Path) -> None:
        """Put ``files`` into ``folder``, as hard links if the file system supports them, else as copies."""
        for file, place in _places(files, folder):
            place.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(self.fetched(file.digest), place)

    def copy_out(self, files: Iterable[StoredFile], folder: Path) -> None:
        """Copy ``files`` into ``folder``; the copies may be changed."""
        _copy_all(files, self.fetched, folder)

    def sweep(self, is_referenced: Callable[[str], bool]) -> int:
        """Remove intakes of processes that have ended, and the files they stored that no row refers to.

        Called inside a writing transaction, so that nobody publishes meanwhile. Returns how many there were.
        Raises `WorkspaceUnavailable` if the team's store cannot be used; the rest is removed the next time.
        """
        swept = 0
        for folder in self._incoming.iterdir():
            owner = ProcessIdentity.owner_of(folder.name)
            if owner is not None and not owner.dead:
                continue
            for name in _lines(folder / MANIFEST):
                if not is_referenced(name):
                    self.remove(name)
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
        return swept

    @property
    def has_intakes(self) -> bool:
        """Whether intakes exist, of this process or another."""
        return any(self._incoming.iterdir())

    def remove(self, digest: str) -> None:
        """Remove a file here and from the team's store; does nothing where it is missing.

        Called inside a writing transaction, so that nobody publishes it meanwhile, and one later than the
        transaction that dropped the last reference: had that failed, its rows would still need the file.
        Raises `WorkspaceUnavailable` if the team's store cannot be used.
        """
        self.path(digest).unlink(missing_ok=True)
        if self.contents is not None:
            self.contents.remove(digest)


class Intake:
    """New files that are being stored."""

    def __init__(self, store: FileStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._taken: list[StoredFile] = []
        self.stored: set[str] = set()
        """What may lie at its place, or in the team's store, because of this intake."""

    def take(self, source: Path, child_paths: Iterable[str] | None = None) -> tuple[StoredFile, ...]:
        """Copy a file, or a folder under its base name; returns the stored files in the order of their paths.

        ``child_paths`` restricts a folder to some of its files, relative to it. Raises `NotFound` for a
        missing path and `UsageError` for a folder without files.
        """
        if not source.exists():
            raise NotFound("file or folder", str(source), hint=f"The working folder is {Path.cwd()}.")
        if source.is_file():
            if child_paths:
                raise UsageError(
                    f"child_paths {list(child_paths)!r} need a folder, and {str(source)!r} is a file"
                )
            return (self.take_file(source, source.name),)
        chosen = _children(source, child_paths) if child_paths else files_below(source)
        if not chosen:
            raise UsageError(
                f"folder {str(source)!r} holds no files", hint="Put the model's files there first."
            )
        top = source.resolve().name
        return tuple(self.take_file(path, f"{top}/{path.relative_to(source).as_posix()}") for path in chosen)

    def take_file(self, source: Path, path: str) -> StoredFile:
        """Copy and hash one file, whose path in the model or service is ``path``."""
        check_relative(path, FILE_KIND)
        temporary = self._folder / uuid.uuid4().hex
        digest, size = copy_and_hash(source, temporary)
        return self._keep(temporary, StoredFile(path, digest, size))

    def take_bytes(self, content: bytes, path: str) -> StoredFile:
        """Store ``content`` as the file ``path``."""
        check_relative(path, FILE_KIND)
        temporary = self._folder / uuid.uuid4().hex
        digest, size = write_and_hash(content, temporary)
        return self._keep(temporary, StoredFile(path, digest, size))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder to work in, which is removed with its block; after a kill, with the intake."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            yield Path(folder)

    def copy_out(self, files: Iterable[StoredFile], folder: Path) -> None:
        """Copy some of the files taken into ``folder``."""
        _copy_all(files, self._folder.joinpath, folder)

    def make(self, path: str, write: Callable[[Path], object]) -> StoredFile:
        """Store the file that ``write`` writes to the path it is called with, without a second copy."""
        check_relative(path, FILE_KIND)
        temporary = self._folder / uuid.uuid4().hex
        write(temporary)
        with temporary.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return self._keep(temporary, StoredFile(path, digest, temporary.stat().st_size))

    def _keep(self, temporary: Path, file: StoredFile) -> StoredFile:
        with storing_in(self._folder):
            temporary.chmod(0o444)
            sync(temporary)
            temporary.replace(self._folder / file.digest)
        self._taken.append(file)
        return file

    def fetch(self, contents: RemoteFiles, digest: str) -> None:
        """Download a file from the team's store."""
        temporary = self._folder / digest
        contents.get(digest, temporary)
        temporary.chmod(0o444)
        sync(temporary)
        self._move(digest)

    def send(self) -> None:
        """Upload the files taken to the team's store, if there is one.

        Call it before the transaction that records them: inside, the upload would block all other writers.
        """
        if self._store.contents is not None:
            for digest in self._listed():
                self._store.contents.put(self._folder / digest, digest)

    def publish(self) -> None:
        """Move the files taken to their places. Call it inside the transaction that records them.

        Content and names are on the disk when it returns: no row ever refers to a file that a loss of power
        has emptied.
        """
        folders = set()
        for digest in self._listed():
            self._move(digest)
            folders.add(self._store.path(digest).parent)
            if self._store.contents is not None:
                # Usually it was sent; but its last other reference may have been dropped since.
                self._store.contents.put(self._store.path(digest), digest)
        for folder in sorted({*folders, *(each.parent for each in folders)}):
            sync(folder)

    def _listed(self) -> set[str]:
        """The hashes of the files taken, after they were listed for `FileStore.sweep`."""
        digests = {file.digest for file in self._taken}
        with storing_in(self._folder):
            (self._folder / MANIFEST).write_text("\n".join(digests))
        self.stored |= digests
        return digests

    def _move(self, digest: str) -> None:
        place = self._store.path(digest)
        if not place.exists():
            with storing_in(place.parent):
                place.parent.mkdir(exist_ok=True)
                (self._folder / digest).replace(place)


def _copy_all(files: Iterable[StoredFile], where: Callable[[str], Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, place in _places(files, folder):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(where(file.digest), place)


def _places(files: Iterable[StoredFile], folder: Path) -> list[tuple[StoredFile, Path]]:
    """The files with their paths in ``folder``; all are checked before the first is written."""
    return [(file, join(folder, file.path, FILE_KIND)) for file in files]


def _link_or_copy(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except FileExistsError:
        return
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, place)


def _remove_below(folder: Path, *, but: str) -> None:
    """Remove all files of ``folder`` ``but`` one, and the folder as well if none is to stay."""
    if not but:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name != but:
            path.unlink(missing_ok=True)


def _children(folder: Path, child_paths: Iterable[str]) -> list[Path]:
    chosen: list[Path] = []
    for child in child_paths:
        path = join(folder, child, "child path")
        if not path.exists():
            raise NotFound("child path", child, [p.name for p in folder.iterdir()])
        chosen += files_below(path, root=folder) if path.is_dir() else [path]
    return sorted(set(chosen))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
