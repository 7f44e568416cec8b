"""Which stored files models and revisions need.

A file that loses its last reference is recorded as unreferenced, in the same transaction. It is removed after
that transaction has ended (see `Memory.writing`). A process killed in between leaves a file too many, which
is removed when the workspace is opened next, and never a row whose file is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from mlmagic.core.model import StoredFile
from mlmagic.workspace.database import references, unreferenced


def refer(tx: Connection, holder: str, files: Iterable[StoredFile]) -> None:
    """Record that ``holder`` needs these files."""
    digests = sorted({file.digest for file in files})
    if digests:
        tx.execute(insert(references), [{"digest": digest, "holder": holder} for digest in digests])


def held_by(tx: Connection, holder: str) -> set[str]:
    """The files that ``holder`` needs."""
    return set(tx.scalars(select(references.c.digest).where(references.c.holder == holder)))


def release(tx: Connection, holder: str) -> None:
    """Record that ``holder`` needs no file any more."""
    held = held_by(tx, holder)
    tx.execute(delete(references).where(references.c.holder == holder))
    known = set(tx.scalars(select(unreferenced.c.digest)))
    lost = [{"digest": digest} for digest in sorted(held - known) if not is_referenced(tx, digest)]
    if lost:
        tx.execute(insert(unreferenced), lost)


def is_referenced(tx: Connection, digest: str) -> bool:
    """Whether any model or revision needs the file with this SHA-256."""
    return tx.scalar(select(references.c.digest).where(references.c.digest == digest).limit(1)) is not None


def has_unreferenced(tx: Connection) -> bool:
    """Whether files are to be removed."""
    return tx.scalar(select(unreferenced.c.digest).limit(1)) is not None


def unreferenced_digests(tx: Connection) -> list[str]:
    """The files to remove, unless something refers to them again."""
    return list(tx.scalars(select(unreferenced.c.digest)))


def forget_unreferenced(tx: Connection) -> None:
    """Record that these files were removed."""
    tx.execute(delete(unreferenced))
