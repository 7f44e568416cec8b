"""The files of collected data, in a folder or in a store that fsspec reaches.

modeldata/SUBSCRIPTION/GROUP/WORKSPACE/SERVICE/MODEL/VERSION/DESIGNATION/YYYY/MM/DD/FILE
modeldata/SERVICE/COLLECTION/YYYY/MM/DD/FILE        of the later collector, as JSON lines
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from mlmagic.errors import UsageError, WorkspaceUnavailable
from mlmagic.scoring.collection.entries import ROOT
from mlmagic.scoring.collection.settings import is_url

_LATER = {"model_inputs": "inputs", "model_outputs": "predictions"}
"""The usual names of the later collector's collections, and what they are called here."""


@dataclass(frozen=True, slots=True)
class CollectedFile:
    """One file."""

    path: str
    """Below the store."""
    service: str
    model: str
    """``name:version``."""
    designation: str
    day: date
    size: int

    @property
    def form(self) -> str:
        """``csv``, ``parquet`` or ``jsonl``."""
        return self.path.rpartition(".")[2]


def parse(path: str, size: int) -> CollectedFile | None:
    """The file at ``path``; None if it is none of collected data, or not complete."""
    parts = path.split("/")
    if parts[0] != ROOT or parts[-1].startswith("."):
        return None
    try:
        if len(parts) == 12:
            service, model, version, designation, *day = parts[4:11]
            return CollectedFile(path, service, f"{model}:{version}", designation, _day(day), size)
        if len(parts) == 7:
            service, collection, *day = parts[1:6]
            name = _LATER.get(collection, collection)
            return CollectedFile(path, service, "", name, _day(day), size)
    except ValueError:
        pass
    return None


def _day(parts: list[str]) -> date:
    year, month, day = map(int, parts)
    return date(year, month, day)


class Store(Protocol):
    """Where the files are."""

    shown: str
    """Its name for messages."""

    def list(self, service: str) -> list[CollectedFile]:
        """The files of a service, in the order of their days and names."""

    def read(self, file: CollectedFile) -> bytes: ...
    def remove(self, file: CollectedFile) -> None: ...


def open_store(place: str) -> Store:
    """The store at ``place``, a folder or a URL. Raises `UsageError` for a missing package."""
    return RemoteStore(place) if is_url(place) else FolderStore(Path(place))


class FolderStore:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, str(folder)

    def list(self, service: str) -> list[CollectedFile]:
        return sorted(self._of(service), key=lambda file: (file.day, file.path))

    def read(self, file: CollectedFile) -> bytes:
        with open(self.folder / file.path, "rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH)  # a server appends to it
            return opened.read()

    def remove(self, file: CollectedFile) -> None:
        path = self.folder / file.path
        path.unlink(missing_ok=True)
        for folder in list(path.parents)[:3]:  # the day, its month and its year
            try:
                folder.rmdir()
            except OSError:
                return  # it has other files

    def _of(self, service: str) -> Iterator[CollectedFile]:
        root = self.folder / ROOT
        for pattern in (f"*/*/*/{service}/*/*/*/*/*/*/*", f"{service}/*/*/*/*/*"):
            for path in root.glob(pattern):
                found = parse(path.relative_to(self.folder).as_posix(), path.stat().st_size)
                if found is not None and found.service == service:
                    yield found


class RemoteStore:
    """A URL that fsspec knows."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs

            self._files, root = url_to_fs(url)
        except ImportError as error:
            raise UsageError(
                f"the collection store {url} needs a package that is not installed here: {error}",
                hint='Install it, for example: pip install "mlmagic[team]"',
            ) from None
        self._root = str(root).rstrip("/")
        self.shown = url

    def list(self, service: str) -> list[CollectedFile]:
        self._files.invalidate_cache()  # the servers write to it all the time
        try:
            found: dict[str, Any] = self._files.find(f"{self._root}/{ROOT}", detail=True)
        except FileNotFoundError:
            return []
        except Exception as error:  # each kind of store has errors of its own
            raise WorkspaceUnavailable(
                f"the collection store {self.shown} cannot be read: {error}",
                hint="Check that it exists, and that you may read it.",
            ) from error
        files = (
            parse(path[len(self._root) :].lstrip("/"), int(details.get("size") or 0))
            for path, details in found.items()
        )
        mine = [file for file in files if file is not None and file.service == service]
        return sorted(mine, key=lambda file: (file.day, file.path))

    def read(self, file: CollectedFile) -> bytes:
        contents: bytes = self._files.cat_file(f"{self._root}/{file.path}")
        return contents

    def remove(self, file: CollectedFile) -> None:
        self._files.rm_file(f"{self._root}/{file.path}")
