"""The folders in which services run: which of them nobody needs any more.

services/ID/rN/       one revision; its row is written before the folder is created
services/ID/.MARK     a folder that the process of this mark is building, renamed when it is complete
services/ID/rN/.MARK  a file or folder that is to replace another one
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from mlmagic.scoring.report import holder_alive
from mlmagic.workspace.identity import ProcessIdentity

_MADE_BY_EARLIER_VERSIONS = re.compile(r"\.[0-9a-f]{32}")

log = logging.getLogger(__name__)


def draft_of(path: Path) -> Path:
    """A name beside ``path`` for what is to replace it; `sweep` removes it if this process dies."""
    return path.with_name(f".{ProcessIdentity.current().mark()}")


def is_abandoned_draft(name: str) -> bool:
    """Whether a name is that of a draft whose process has ended."""
    if not name.startswith("."):
        return False
    owner = ProcessIdentity.owner_of(name[1:])
    return owner.dead if owner else _MADE_BY_EARLIER_VERSIONS.fullmatch(name) is not None


def sweep(folder: Path, known: Callable[[], Mapping[str, Collection[int]]]) -> None:
    """Remove the folders that no row of ``known`` needs, and the drafts of processes that have ended.

    ``known`` returns the numbers of the revisions by the id of their service. The folders are listed before
    it is called: a row is written before its folder is created, so a folder without a row belongs to nobody.
    """
    found = [(service, list(service.iterdir())) for service in folder.iterdir() if service.is_dir()]
    if not found:
        return
    rows = known()
    for service, inner in found:
        if service.name not in rows:
            _remove_unless_serving(service, inner)
            continue
        numbers = {f"r{number}" for number in rows[service.name]}
        for path in inner:
            if is_abandoned_draft(path.name):
                _remove(path)
            elif re.fullmatch(r"r[0-9]+", path.name) and path.name not in numbers:
                _remove_unless_serving(path, [path])
            elif path.is_dir():
                for draft in _abandoned_in(path):
                    _remove(draft)


def _abandoned_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if is_abandoned_draft(path.name))


def _remove_unless_serving(folder: Path, revisions: Collection[Path]) -> None:
    # A database that was restored from a backup does not know the services deployed since.
    if any(path.is_dir() and holder_alive(path) for path in revisions):
        log.warning("%s was kept: a process serves there that the workspace does not know", folder)
        return
    _remove(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
