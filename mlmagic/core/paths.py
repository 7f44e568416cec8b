"""Join a folder and a path from a user, a row, an archive or another machine, never out of the folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mlmagic.errors import InvalidConfig, UsageError

_DRIVE = re.compile(r"[A-Za-z]:(/|$)")
RELATIVE_HINT = "Use a path inside of the folder, with forward slashes, such as data/labels.txt."
NAME_HINT = "Use a name without slashes, such as results."


def broken_rule(path: str) -> str | None:
    """The rule that a path breaks, if it is not one of a file or folder below another; None if it is."""
    if not path:
        return "must not be empty"
    if "\0" in path:
        return "must not contain a NUL character"
    if "\\" in path:
        return "must not contain backslashes"
    if path.startswith("/") or _DRIVE.match(path):
        return "must be a relative path"
    parts = path.split("/")
    if ".." in parts:
        return "must not contain '..'"
    if all(part in ("", ".") for part in parts):
        return "must name a file or folder"
    return None


def check_relative(path: str, kind: str = "path") -> str:
    """Return ``path``, or raise `InvalidConfig` with the rule it breaks; ``kind`` says what the path is."""
    if (rule := broken_rule(path)) is not None:
        raise InvalidConfig(kind, path, rule, hint=RELATIVE_HINT)
    return path


def check_part(name: str, kind: str = "name") -> str:
    """Return ``name`` if it can name a file or folder directly in another, else raise `InvalidConfig`."""
    rule = broken_rule(name) or ("must not contain '/'" if "/" in name else None)
    if rule is not None:
        raise InvalidConfig(kind, name, rule, hint=NAME_HINT)
    return name


def join(folder: Path, path: str, kind: str = "path") -> Path:
    """``folder / path``, which lies in the folder.

    Raises `InvalidConfig` for a path that leads out of it, and `UsageError` if a link on the way does. What
    the path names need not exist.
    """
    place = folder / check_relative(path, kind)
    check_links(place, Path(os.path.realpath(folder)), folder)
    return place


def join_part(folder: Path, name: str, kind: str = "name") -> Path:
    """``folder / name`` for a name without slashes; raises as `join` does."""
    return join(folder, check_part(name, kind), kind)


def check_links(place: Path, root: Path, folder: Path) -> None:
    """Raise `UsageError` if ``place``, with all links followed, is outside of ``root``, a path without links.

    The error names the first link on the way from ``folder`` to ``place`` that leads out.
    """
    if Path(os.path.realpath(place)).is_relative_to(root):
        return
    link = folder
    for part in place.relative_to(folder).parts:
        link = link / part
        leads = Path(os.path.realpath(link))
        if not leads.is_relative_to(root):
            break
    raise UsageError(
        f"{str(link)!r} is a link to {str(leads)!r}, which is outside of the folder {str(folder)!r}",
        hint="Put a copy of what it leads to in place of the link.",
    )
