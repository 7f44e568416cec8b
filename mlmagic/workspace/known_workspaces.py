"""The workspaces that this user has opened on this machine, by `Location.key`.

A saved notebook and the JupyterLab panel name a workspace by its key, which tells a stranger nothing. Each is
a file in a folder of the user, removed when the workspace's folder is gone. A location with a password is not
written down: who opens the workspace has it in the environment or in a ``config.json``.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlmagic.errors import NotFound, WorkspaceUnavailable
from mlmagic.workspace.atomic_writes import OWNER_ONLY, write_atomically
from mlmagic.workspace.location import Location, locate, user_folder

_FOLDER = "known"
_KEY = re.compile(r"[0-9a-f]{16}")


def remember(location: Location) -> None:
    """Record that the user has opened a workspace. Does nothing if the record cannot be written."""
    path, text = _folder() / f"{location.key}.json", location.to_json()
    if location.has_password:
        return
    with contextlib.suppress(OSError, WorkspaceUnavailable):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, text, mode=OWNER_ONLY)


def known(environ: Mapping[str, str] = os.environ, start: Path | None = None) -> list[Location]:
    """The workspace that is used when none is named, then those that were opened before, by name."""
    first = locate(environ, start)
    others = {each.key: each for each in _remembered()}
    others.pop(first.key, None)
    return [first, *sorted(others.values(), key=lambda each: (each.name, each.key))]


def with_key(key: str, start: Path | None = None) -> Location:
    """The workspace with this key; ``start`` is the folder of the notebook that names it.

    Raises `NotFound` for one that the user has not opened on this machine.
    """
    for location in (locate(), *([locate(start=start)] if start else [])):
        if location.key == key:
            return location
    found = _read(_folder() / f"{key}.json") if _KEY.fullmatch(key) else None
    if found is None or found.key != key:
        raise NotFound(
            "workspace", key, hint="Its services were deployed elsewhere. Run the cell to deploy one here."
        )
    return found


def _remembered() -> Iterator[Location]:
    for path in _folder().glob("*.json"):
        location = _read(path)
        if location is None:
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            yield location


def _read(path: Path) -> Location | None:
    """The location in a file; None if it cannot be read or the workspace's folder is gone."""
    try:
        location = Location.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return location if location.folder.is_dir() else None


def _folder() -> Path:
    return user_folder().parent / _FOLDER
