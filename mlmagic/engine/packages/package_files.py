"""The files of packages: written once, shared by equal packages, removed with the last of them.

    packages/KIND-DIGEST-NAME/    the files of the packages of this content and these settings
    packages/.DRAFT               files that are being written, renamed when they are complete
    packages.lock                 held while a folder is put in place, or removed

A folder that is in place is never written again. A package's record names it before it is put in place, so a
folder that no record names belongs to nobody.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.package import Package, PackageKind
from mlmagic.errors import InvalidConfig
from mlmagic.workspace import assets, permissions
from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.memory import Memory

KIND = "package"
LOCK = "packages.lock"
_DIGITS = 16


class PackageFiles:
    """The files of the packages of one workspace."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._folder = memory.folder / "packages"

    def location(self, package: Package, config: DeploymentConfig) -> Path:
        """Where the files of a package are to be: its folder, or its one file."""
        folder = self._folder / f"{package.kind}-{_key(package, config)}-{package.name}"
        return folder / f"{package.name}.pyz" if package.kind is PackageKind.ZIP else folder

    def of(self, package: Package) -> Path:
        """The folder or file of a package. Raises `InvalidConfig` if its row names one outside of ours."""
        location, folder = Path(package.location).resolve(), self._folder.resolve()
        if folder not in location.parents:
            rule = f"must be in {str(self._folder)!r}"
            raise InvalidConfig(
                "location of a package", package.location, rule, hint="Build the package again."
            )
        return location

    def write(self, location: Path, own: Callable[[Path], None], write_into: Callable[[Path], None]) -> None:
        """Have ``write_into`` write the files at ``location``, unless those of an equal package are there.

        A record must name ``location``. ``own`` has the folder of the draft removed if this process dies.
        """
        folder = self._entry(location)
        with self._locked():
            if folder.exists():
                return
        draft = folder.with_name(f".{uuid.uuid4().hex}")
        own(draft)
        draft.mkdir(parents=True)
        try:
            write_into(draft)
            with self._locked():
                if not folder.exists():
                    draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def remove_unneeded(self) -> None:
        """Remove the files that no record names, also those that a process left that was killed."""
        if not self._folder.is_dir():
            return
        with self._locked():
            with self._memory.reading() as tx:
                packages = [Package.of(each.record) for each in assets.all_versions(tx, KIND)]
            needed = {self._entry(Path(each.location)) for each in packages}
            for path in self._folder.iterdir():
                if path not in needed and not path.name.startswith("."):
                    shutil.rmtree(path, ignore_errors=True)

    def _entry(self, location: Path) -> Path:
        """The entry of our folder that holds ``location``; ``location`` itself if it lies elsewhere."""
        for path in (location, *location.parents):
            if path.parent == self._folder:
                return path
        return location

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        folder = self._memory.folder
        with with_remedy(folder), FileLock(folder / LOCK, mode=permissions.lock_mode(folder)):
            yield


def _key(package: Package, config: DeploymentConfig) -> str:
    """The beginning of a hash of all that the files are written from."""
    settings = asdict(config.without_keys())
    parts = [package.digest, package.label, package.models, settings]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
