"""The files of a folder, those of linked folders too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from mlmagic.core.paths import check_links
from mlmagic.errors import UsageError


def files_below(
    folder: Path, *, leave_out: Collection[str] = (), root: Path | None = None, links_out: bool = False
) -> list[Path]:
    """The files in ``folder`` and its subfolders, in the order of their paths.

    Links are followed: their targets come along, as they do with ``cp -rL``. Files and folders whose name is
    in ``leave_out`` are not looked at. Raises `UsageError` for a link to something that does not exist, for
    a link to a folder around it, which would never end, and for a link that leads out of ``root`` (default:
    ``folder``), unless ``links_out``.
    """
    real = os.path.realpath(folder)
    inside = None if links_out else (folder if root is None else root)
    return sorted(_walk(folder, (real,), leave_out, inside))


def copy_folder(source: Path, target: Path, *, leave_out: Collection[str] = ()) -> None:
    """Copy ``source`` to ``target``, which is created; raises as `files_below`, before anything is copied."""
    files_below(source, leave_out=leave_out)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*leave_out))


def _walk(
    folder: Path, around: tuple[str, ...], leave_out: Collection[str], inside: Path | None
) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in leave_out:
            continue
        if path.is_dir():
            real = os.path.realpath(path)
            if real in around:
                raise UsageError(
                    f"{str(path)!r} is a link to {real!r}, a folder that it is in itself",
                    hint="Remove the link.",
                )
            _check(path, inside)
            yield from _walk(path, (*around, real), leave_out, inside)
        elif path.is_file():
            _check(path, inside)
            yield path
        # Emacs marks a file that is being edited by a link to nothing.
        elif path.is_symlink() and not path.exists() and not path.name.startswith(".#"):
            raise UsageError(
                f"{str(path)!r} is a link to {os.readlink(path)!r}, which does not exist",
                hint="Remove the link, or put the file there.",
            )


def _check(path: Path, inside: Path | None) -> None:
    if inside is not None and path.is_symlink():
        check_links(path, Path(os.path.realpath(inside)), inside)
