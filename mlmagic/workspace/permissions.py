"""Who else on this machine may read a workspace: nobody, unless it is declared shared with a group.

Whoever can read a workspace's folder can read its models, logs and keys, and whoever can open a lock in it
can hold it. So folders are 0700 and the files at the top 0600. The files below lie in folders that nobody
else may enter. A folder with the setgid bit (``chmod g+s``) is shared with its group, as in Git: the group
keeps what it may do, and only all others are kept out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlmagic.workspace.atomic_writes import OWNER_ONLY

_PARTS = (
    "workspace.db",
    "workspace.db-wal",
    "workspace.db-shm",
    "keeper.lock",
    "keeper.log",
    "files",
    "incoming",
    "services",
    "bells",
    "backups",
    "packages",
    "packages.lock",
    "pipeline-server",
    "published-pipelines",
    "runs",
    "datastores",
    "collected",
)
"""What a workspace has in its folder. The folder of a project may have other things, which are left alone."""


def allowed(mode: int, *, shared: bool) -> int:
    """The permissions that a file or folder of a workspace keeps, of those that it has."""
    return mode & (0o2770 if shared else 0o700)


def is_shared(folder: Path) -> bool:
    """Whether a workspace's folder is declared shared with its group."""
    return bool(folder.stat().st_mode & stat.S_ISGID)


def lock_mode(folder: Path) -> int:
    """The permissions of a lock in a workspace's folder: whoever can open a lock can hold it."""
    return 0o660 if is_shared(folder) else OWNER_ONLY


def make_private(folder: Path) -> None:
    """Deny others what they may do in a workspace of an earlier version; only its owner can, and silently.

    The folder itself is left alone if it holds other things too: it may be a project, or a home.
    """
    shared = is_shared(folder)
    for path in _own(folder):
        with suppress(OSError):  # it was removed meanwhile
            found = path.lstat()
            mode = stat.S_IMODE(found.st_mode)
            if mode == allowed(mode, shared=shared) or found.st_uid != os.geteuid():
                continue
            if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
                path.chmod(allowed(mode, shared=shared))


def _own(folder: Path) -> Iterator[Path]:
    names = {entry.name for entry in os.scandir(folder)}
    if names and names <= set(_PARTS):
        yield folder
    for name in names & set(_PARTS):
        yield folder / name
