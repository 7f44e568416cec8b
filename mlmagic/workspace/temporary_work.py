"""Temporary work: what a process leaves behind if it dies in the middle, one row for each operation.

The row is written before the work starts and names everything that must be cleaned up: folders, launched
services, and the record that says Running. It is deleted when the work is done and cleaned up. A row whose
owner has died is claimed by a supervisor of the same machine, which cleans up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mlmagic.workspace.database import now, temporary_work
from mlmagic.workspace.identity import ProcessIdentity, machine

RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A service that the work launches on a compute target."""

    target: str
    spec: Mapping[str, Any]
    """What the target needs to find the service: written before the launch."""
    handle: Mapping[str, Any] | None = None
    """The target's packed handle: written after the launch."""


@dataclass(frozen=True, slots=True)
class UnfinishedRecord:
    """An asset's version that says Running while the work runs."""

    kind: str
    name: str
    version: int
    changes: Mapping[str, Any]
    """The fields to write if the work does not finish, such as ``state``."""


@dataclass(frozen=True, slots=True)
class Work:
    """One operation and what it leaves behind if its process dies."""

    id: str
    kind: str
    owner: str | None
    """The mark of the process that does the work or cleans up after it; None if there is none."""
    folders: tuple[str, ...] = ()
    launches: tuple[Launch, ...] = ()
    unfinished: UnfinishedRecord | None = None
    attempts: int = 0
    """How often cleaning up has failed."""

    @property
    def folder_name(self) -> str:
        """The name of its temporary folder."""
        return f"mlmagic-{self.kind}-{self.id}"


def add(tx: Connection, work: Work) -> None:
    """Record work that starts on this machine."""
    started = now(tx)
    tx.execute(
        insert(temporary_work).values(
            id=work.id,
            kind=work.kind,
            machine=machine(),
            owner=work.owner,
            started=started,
            attempts=0,
            next_time=started,
            **_contents(work),
        )
    )


def write(tx: Connection, work: Work) -> None:
    """Write the folders, launches and the unfinished record of ``work``."""
    tx.execute(_row(work.id, update(temporary_work)).values(**_contents(work)))


def remove(tx: Connection, work_id: str) -> None:
    """Delete a row; silent if there is none."""
    tx.execute(_row(work_id, delete(temporary_work)))


def is_anything_left(tx: Connection, mark: str | None = None) -> bool:
    """Whether work of this machine waits to be cleaned up: by anybody, or by ``mark``, which claimed it."""
    return bool(_left(tx, mark))


def claim(tx: Connection, mark: str) -> list[Work]:
    """Make ``mark`` the owner of all work of this machine that waits to be cleaned up; returns that work."""
    found = _left(tx, mark)
    for work in found:
        tx.execute(_row(work.id, update(temporary_work)).values(owner=mark))
    return found


def put_off(tx: Connection, work: Work) -> None:
    """Give up the ownership: cleaning up has failed, and is tried again later."""
    wait = min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2 ** min(work.attempts, 20))
    tx.execute(
        _row(work.id, update(temporary_work)).values(
            owner=None, attempts=work.attempts + 1, next_time=now(tx) + wait
        )
    )


def list_work(tx: Connection, *, of_all_machines: bool = False) -> list[Work]:
    """All work of this machine, or of all that share the workspace, the oldest first."""
    if of_all_machines:
        return [_work(row) for row in tx.execute(select(temporary_work).order_by(temporary_work.c.started))]
    return [_work(row) for row in _of_this_machine(tx)]


def _left(tx: Connection, mark: str | None) -> list[Work]:
    rows = [row for row in _of_this_machine(tx) if row.owner == mark or has_no_owner(row.owner)]
    if not rows:
        return []
    time = now(tx)
    return [_work(row) for row in rows if row.next_time <= time]


def _of_this_machine(tx: Connection) -> list[Any]:
    query = select(temporary_work).where(temporary_work.c.machine == machine())
    return list(tx.execute(query.order_by(temporary_work.c.started)))


def has_no_owner(mark: str | None) -> bool:
    """Whether the process of this mark has ended, or there is none."""
    owner = ProcessIdentity.owner_of(mark) if mark else None
    return owner is None or owner.dead


def _row(work_id: str, statement: Any) -> Any:
    return statement.where(temporary_work.c.id == work_id)


def _contents(work: Work) -> dict[str, Any]:
    return {
        "folders": list(work.folders),
        "launches": [asdict(launch) for launch in work.launches],
        "unfinished": asdict(work.unfinished) if work.unfinished else None,
    }


def _work(row: Any) -> Work:
    return Work(
        row.id,
        row.kind,
        row.owner,
        tuple(row.folders),
        tuple(Launch(**launch) for launch in row.launches),
        UnfinishedRecord(**row.unfinished) if row.unfinished else None,
        row.attempts,
    )
