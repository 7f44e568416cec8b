"""The log of what happened: rows that are only ever added."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select

from mlmagic.core.events import Event, EventKind
from mlmagic.workspace.database import events


def append(
    tx: Connection, kind: EventKind, subject: str, message: str, data: Mapping[str, Any] | None = None
) -> None:
    """Write one event, in the transaction of the change it tells of."""
    tx.execute(
        insert(events).values(
            time=time.time(), kind=kind.value, subject=subject, message=message, data=dict(data or {})
        )
    )


def after(tx: Connection, event_id: int, *, subject: str | None = None, limit: int = 1000) -> list[Event]:
    """Events newer than ``event_id``, oldest first; of one subject if named."""
    query = select(events).where(events.c.id > event_id).order_by(events.c.id).limit(limit)
    if subject is not None:
        query = query.where(events.c.subject == subject)
    return [
        Event(row.id, row.time, EventKind(row.kind), row.subject, row.message, row.data)
        for row in tx.execute(query)
    ]


def newest_id(tx: Connection) -> int:
    """The id of the newest event; 0 before the first."""
    return tx.scalar(select(func.max(events.c.id))) or 0
