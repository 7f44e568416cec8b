"""Where realised environments lie: one folder of the user's, shared by all workspaces.

    environments/
      KEY/                  a virtual environment, whole: it is made under .building/ and renamed
      KEY/mlmagic.json      the specification that it was made from; without it, it does not count
      wanted/KEY.json       specifications, also of what is not made yet
      users/KEY/HASH        the folder of a service's revision that runs on it; gone when that is
      locks/KEY             held while it is made or removed
      servers/DIGEST/       the scoring server's files, for PYTHONPATH

Whoever looks sees a whole environment or none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from mlmagic.engine.environments.specification import Specification
from mlmagic.targets.server_files import lay_out_server, server_digest
from mlmagic.workspace.atomic_writes import write_atomically

CACHE_VARIABLE = "MLMAGIC_CACHE"
KEPT_DAYS = 30.0
"""How long an environment is kept that no service uses."""
_MARK = "mlmagic.json"
_LOCK_LOOK_SECONDS = 0.1


def cache_folder() -> Path:
    """The user's folder for what can be made again; MLMAGIC_CACHE names another."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("mlmagic")


class Store:
    """The environments of this user on this machine. Any process may use it at any time."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_folder() / "environments"

    # ---- what there is --------------------------------------------------------------------------

    def folder(self, key: str) -> Path:
        """Where the environment of this key is, or will be."""
        return self.root / key

    def python(self, key: str) -> Path:
        """Its interpreter: known before it is made."""
        return self.root / key / "bin" / "python"

    def key_of(self, python: str) -> str | None:
        """The key of the environment that ``python`` is of; None if it is none of ours."""
        path = Path(python)
        return path.parts[-3] if path.match("*/bin/python") and path.parents[2] == self.root else None

    def is_built(self, key: str) -> bool:
        """Whether it is there, and the interpreter that it was made from still is."""
        return (self.folder(key) / _MARK).exists() and self.python(key).exists()

    def keys(self) -> list[str]:
        """Those that are there."""
        return sorted(mark.parent.name for mark in self.root.glob(f"*/{_MARK}"))

    def site_packages(self, key: str) -> Path:
        """Where its packages are."""
        return next(iter((self.folder(key) / "lib").glob("python*/site-packages")), self.folder(key))

    def want(self, specification: Specification) -> str:
        """Remember what a key stands for; returns the key."""
        key = specification.key
        place = self.root / "wanted" / f"{key}.json"
        if not place.exists():
            self._private(place.parent)
            write_atomically(place, json.dumps(specification.to_record(), indent=1))
        return key

    def wanted(self, key: str) -> Specification | None:
        """What `want` remembered; None for a key that this machine has forgotten."""
        try:
            text = (self.root / "wanted" / f"{key}.json").read_text(encoding="utf-8")
        except OSError:
            return None
        return Specification.from_record(json.loads(text))

    # ---- made and removed -----------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, key: str, *, wait: bool = True, given_up: Event | None = None) -> Iterator[bool]:
        """Hold the key's lock; False if somebody else does, or it was ``given_up`` meanwhile.

        A lock ends with its process, however that ends.
        """
        from filelock import FileLock, Timeout

        place = self.root / "locks" / key
        self._private(place.parent)
        is_given_up = given_up.is_set if given_up is not None else lambda: False
        try:
            lock = FileLock(place).acquire(
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
        """A folder to make the environment in; it is put in place if nothing is raised, else removed.

        Conda's cannot be moved: they are made in their place, and count when their mark is there, which comes
        last. The key's lock must be held.
        """
        key = specification.key
        place = self.root / ".building" / f"{key}-{uuid.uuid4().hex}"
        self._private(place.parent)
        if specification.conda_packages:
            place = self.folder(key)
            shutil.rmtree(place, ignore_errors=True)
        # Of builds that were killed: nobody else makes this one now.
        for left in place.parent.glob(f"{key}-*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield place
            (place / _MARK).write_text(json.dumps(specification.to_record(), indent=1), encoding="utf-8")
            if place != self.folder(key):
                if self.folder(key).exists():  # its interpreter was removed from the machine
                    self._take_away(key)
                place.replace(self.folder(key))
        finally:
            if not (place / _MARK).exists():
                shutil.rmtree(place, ignore_errors=True)

    def note_use(self, key: str, run_dir: str) -> None:
        """A service's revision runs on it, for as long as its folder is there."""
        name = hashlib.sha256(run_dir.encode()).hexdigest()[:16]
        place = self.root / "users" / key / name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, run_dir)
        self.touch(key)

    def touch(self, key: str) -> None:
        """It was used now."""
        with contextlib.suppress(OSError):
            os.utime(self.folder(key) / _MARK)

    def users(self, key: str) -> list[str]:
        """The folders of the revisions that run on it, or are to run again."""
        found = []
        for note in (self.root / "users" / key).glob("[!.]*"):
            run_dir = note.read_text(encoding="utf-8")
            if Path(run_dir).is_dir():
                found.append(run_dir)
            else:
                note.unlink(missing_ok=True)
        return found

    def evict(self, days: float = KEPT_DAYS) -> list[str]:
        """Remove what no service uses and nobody has used for ``days``; returns their keys."""
        gone = []
        for left in (self.root / ".building").glob("*"):  # of a build that was killed
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > 86400:
                    shutil.rmtree(left, ignore_errors=True)
        for key in self.keys():
            with self.lock(key, wait=False) as held:
                if not held or self.users(key):
                    continue
                used = (self.folder(key) / _MARK).stat().st_mtime
                if time.time() - used >= days * 86400:
                    self._take_away(key)
                    (self.root / "wanted" / f"{key}.json").unlink(missing_ok=True)
                    gone.append(key)
        return gone

    def _private(self, folder: Path) -> None:
        """Make it, for nobody else to read: addresses of package indexes may have passwords in them."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True)

    def _take_away(self, key: str) -> None:
        aside = self.root / ".building" / f"{key}-{uuid.uuid4().hex}"
        self._private(aside.parent)
        self.folder(key).replace(aside)
        shutil.rmtree(aside, ignore_errors=True)

    # ---- the server -----------------------------------------------------------------------------

    def server(self) -> Path:
        """A folder for PYTHONPATH with the scoring server, and nothing else that is installed here."""
        place = self.root / "servers" / server_digest()
        if not place.is_dir():
            draft = place.with_name(f".{uuid.uuid4().hex}")
            lay_out_server(draft)
            try:
                draft.replace(place)
            except OSError:  # somebody else was first, with the same
                shutil.rmtree(draft, ignore_errors=True)
        return place
