"""The history of a service's revisions in the tables: which were Healthy, and which are kept when replaced.

A former revision keeps its row and its references to the files of its script, so that a rollback can copy
it. It has no folder and no process, and a model that only it uses may be deleted.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, select, update

from mlmagic.core.revisions import RecordedRevision, to_forget
from mlmagic.workspace.database import revisions
from mlmagic.workspace.services import forget_revision, revision_of


def of_service(tx: Connection, service_id: str) -> list[RecordedRevision]:
    """The revisions of a service, oldest first, the former ones included."""
    query = select(revisions).where(revisions.c.service_id == service_id).order_by(revisions.c.number)
    return [_recorded(row) for row in tx.execute(query)]


def numbers(tx: Connection, service_id: str) -> list[int]:
    """The numbers of the revisions of a service, oldest first, the former ones included."""
    query = select(revisions.c.number).where(revisions.c.service_id == service_id)
    return list(tx.scalars(query.order_by(revisions.c.number)))


def note_healthy(tx: Connection, service_id: str, number: int) -> None:
    """Record that a revision is Healthy, the first time that it is."""
    never = _row(service_id, number) & revisions.c.healthy_time.is_(None)
    tx.execute(update(revisions).where(never).values(healthy_time=time.time()))


def retire(tx: Connection, service_id: str, number: int) -> None:
    """Make a revision, which was ended and has no folder any more, a former one."""
    tx.execute(update(revisions).where(_row(service_id, number)).values(retired=1))


def prune(tx: Connection, service_id: str) -> None:
    """Forget the former revisions that are too many."""
    for number in to_forget(of_service(tx, service_id)):
        forget_revision(tx, service_id, number)


def _row(service_id: str, number: int) -> Any:
    return (revisions.c.service_id == service_id) & (revisions.c.number == number)


def _recorded(row: Any) -> RecordedRevision:
    return RecordedRevision(
        revision_of(row), row.created_time, row.healthy_time, row.change, row.rollback_of, bool(row.retired)
    )
