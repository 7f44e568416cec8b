"""The store of built environments: one folder per user, shared by all workspaces.

    environments/
      KEY/                  a complete virtual environment: built under .building/, then renamed
      KEY/replacements.json the versions that were installed in place of pins; absent without any
      KEY/mlmagic.json      the specification that it was built from; written last, so it marks a complete one
      wanted/KEY.json       specifications, also of environments that are not built yet
      users/KEY/HASH        the path of a revision's folder that runs on it; stale when that folder is deleted
      locks/KEY             held while it is built or deleted
      servers/DIGEST/       the scoring server's files, for PYTHONPATH

Readers see a complete environment or none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event

from mlmagic.core.replacements import Replacement, replacement_of
from mlmagic.engine.environments.specification import Specification
from mlmagic.targets.server_files import lay_out_server, server_digest
from mlmagic.workspace.atomic_writes import write_atomically

CACHE_VARIABLE = "MLMAGIC_CACHE"
KEPT_DAYS = 30.0
"""Days that an environment is kept after its last use, if no service runs on it."""
REPLACEMENTS = "replacements.json"
_MARK = "mlmagic.json"
_LOCK_LOOK_SECONDS = 0.1


def cache_folder() -> Path:
    """The user's cache folder; the variable MLMAGIC_CACHE names another."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("mlmagic")


def replacements_text(replacements: Sequence[Replacement]) -> str:
    """The content of `REPLACEMENTS`."""
    return json.dumps([asdict(each) for each in replacements], indent=1)


class Store:
    """The built environments of this user on this machine; safe to use from several processes."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_folder() / "environments"

    # ---- read -----------------------------------------------------------------------------------

    def folder(self, key: str) -> Path:
        """The folder of the environment of this key, built or not."""
        return self.root / key

    def python(self, key: str) -> Path:
        """The path of the environment's interpreter; known before the build."""
        return self.root / key / "bin" / "python"

    def key_of(self, python: str) -> str | None:
        """The key of the environment that has the interpreter ``python``; None if it is not in this store."""
        path = Path(python)
        return path.parts[-3] if path.match("*/bin/python") and path.parents[2] == self.root else None

    def is_built(self, key: str) -> bool:
        """Whether the environment exists, and the interpreter that it was built from still does."""
        return (self.folder(key) / _MARK).exists() and self.python(key).exists()

    def keys(self) -> list[str]:
        """The keys of the environments that are built."""
        return sorted(mark.parent.name for mark in self.root.glob(f"*/{_MARK}"))

    def replacements(self, key: str) -> tuple[Replacement, ...]:
        """The versions that were installed in the environment in place of pins."""
        try:
            text = (self.folder(key) / REPLACEMENTS).read_text(encoding="utf-8")
        except OSError:
            return ()
        return tuple(map(replacement_of, json.loads(text)))

    def site_packages(self, key: str) -> Path:
        """The folder of the environment's packages."""
        return next(iter((self.folder(key) / "lib").glob("python*/site-packages")), self.folder(key))

    def want(self, specification: Specification) -> str:
        """Record a specification under its key; returns the key."""
        key = specification.key
        path = self.root / "wanted" / f"{key}.json"
        if not path.exists():
            self._private(path.parent)
            write_atomically(path, json.dumps(specification.to_record(), indent=1))
        return key

    def wanted(self, key: str) -> Specification | None:
        """The specification that `want` recorded; None if there is none for this key."""
        try:
            text = (self.root / "wanted" / f"{key}.json").read_text(encoding="utf-8")
        except OSError:
            return None
        return Specification.from_record(json.loads(text))

    # ---- create and delete ----------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, key: str, *, wait: bool = True, given_up: Event | None = None) -> Iterator[bool]:
        """Hold the key's lock; False if another process holds it, or ``given_up`` was set meanwhile.

        The lock is released when its process ends, also when it is killed.
        """
        from filelock import FileLock, Timeout

        path = self.root / "locks" / key
        self._private(path.parent)
        is_given_up = given_up.is_set if given_up is not None else lambda: False
        try:
            lock = FileLock(path).acquire(
                timeout=-1 if wait and not is_given_up() else 0,
                poll_interval=_LOCK_LOOK_SECONDS,
                cancel_check=is_given_up,
            )
        except Timeout:
            yield False
            return
        with lock:
            yield True

    @contextlib.contextmanager
    def draft(self, specification: Specification) -> Iterator[Path]:
        """A folder to build the environment in: renamed to its final path at the end, or deleted.

        Conda environments cannot be moved: they are built in their final folder, and their mark is written
        last. The key's lock must be held.
        """
        key = specification.key
        path = self.root / ".building" / f"{key}-{uuid.uuid4().hex}"
        self._private(path.parent)
        if specification.conda_packages:
            path = self.folder(key)
            shutil.rmtree(path, ignore_errors=True)
        # Left by builds that were killed: the lock is ours, so no other build runs.
        for left in path.parent.glob(f"{key}-*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield path
            (path / _MARK).write_text(json.dumps(specification.to_record(), indent=1), encoding="utf-8")
            if path != self.folder(key):
                if self.folder(key).exists():  # its interpreter was removed from the machine
                    self._delete(key)
                path.replace(self.folder(key))
        finally:
            if not (path / _MARK).exists():
                shutil.rmtree(path, ignore_errors=True)

    def note_use(self, key: str, run_dir: str) -> None:
        """Record that a service's revision uses the environment, until the revision's folder is deleted."""
        name = hashlib.sha256(run_dir.encode()).hexdigest()[:16]
        path = self.root / "users" / key / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, run_dir)
        self.touch(key)

    def touch(self, key: str) -> None:
        """Record that the environment was used now."""
        with contextlib.suppress(OSError):
            os.utime(self.folder(key) / _MARK)

    def users(self, key: str) -> list[str]:
        """The folders of the revisions that run on the environment, or may run on it again."""
        found = []
        for note in (self.root / "users" / key).glob("[!.]*"):
            run_dir = note.read_text(encoding="utf-8")
            if Path(run_dir).is_dir():
                found.append(run_dir)
            else:
                note.unlink(missing_ok=True)
        return found

    def evict(self, days: float = KEPT_DAYS) -> list[str]:
        """Delete environments that no service uses and were not used for ``days``; returns their keys."""
        deleted = []
        for left in (self.root / ".building").glob("*"):  # of a build that was killed, if nobody builds it
            with self.lock(left.name.rpartition("-")[0], wait=False) as held:
                if held:
                    shutil.rmtree(left, ignore_errors=True)
        for key in self.keys():
            with self.lock(key, wait=False) as held:
                if not held or self.users(key):
                    continue
                used = (self.folder(key) / _MARK).stat().st_mtime
                if time.time() - used >= days * 86400:
                    self._delete(key)
                    (self.root / "wanted" / f"{key}.json").unlink(missing_ok=True)
                    deleted.append(key)
        return deleted

    def _private(self, folder: Path) -> None:
        """Create a folder that only this user can read: URLs of package indexes may contain passwords."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)

    def _delete(self, key: str) -> None:
        aside = self.root / ".building" / f"{key}-{uuid.uuid4().hex}"
        self._private(aside.parent)
        self.folder(key).replace(aside)
        shutil.rmtree(aside, ignore_errors=True)

    # ---- the server -----------------------------------------------------------------------------

    def server(self) -> Path:
        """The folder for PYTHONPATH that holds the scoring server, without other packages installed here."""
        path = self.root / "servers" / server_digest()
        if not path.is_dir():
            draft = path.with_name(f".{uuid.uuid4().hex}")
            lay_out_server(draft)
            try:
                draft.replace(path)
            except OSError:  # another process was first, with the same files
                shutil.rmtree(draft, ignore_errors=True)
        return path
