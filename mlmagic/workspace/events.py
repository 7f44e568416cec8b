"""The event log: rows are only added."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from mlmagic.core.events import Event, EventKind, endpoint_subject, kind_of
from mlmagic.core.notices import PUBLISHED
from mlmagic.workspace import deliveries
from mlmagic.workspace.database import deliveries as deliveries_table
from mlmagic.workspace.database import events, services


def append(
    tx: Connection, kind: EventKind, subject: str, message: str, data: Mapping[str, Any] | None = None
) -> None:
    """Write an event and its deliveries, in the transaction of the change."""
    event = Event(0, time.time(), kind, subject, message, dict(data or {}))
    values = {"time": event.time, "kind": kind.value, "subject": subject, "message": message}
    written = tx.execute(insert(events).values(**values, data=event.data).returning(events.c.id))
    event_id = written.scalar_one()
    if kind in PUBLISHED:
        deliveries.add(tx, replace(event, id=event_id))


def get(tx: Connection, event_id: int) -> Event:
    """The event with this id, which must exist."""
    return _event(tx.execute(select(events).where(events.c.id == event_id)).one())


def after(tx: Connection, event_id: int, *, subject: str | None = None, limit: int = 1000) -> list[Event]:
    """Events after ``event_id``, oldest first; of one subject if it is given."""
    query = select(events).where(events.c.id > event_id).order_by(events.c.id).limit(limit)
    if subject is not None:
        query = query.where(events.c.subject == subject)
    return [_event(row) for row in tx.execute(query)]


def newest(tx: Connection, count: int, *, subject: str | None = None) -> list[Event]:
    """The last events, oldest first; of one subject if it is given."""
    query = select(events).order_by(events.c.id.desc()).limit(count)
    if subject is not None:
        query = query.where(events.c.subject == subject)
    rows = tx.execute(query).all()
    return [_event(row) for row in reversed(rows)]


def is_there(tx: Connection, kind: EventKind, subject: str, data: Mapping[str, Any]) -> bool:
    """Whether an event of this kind and subject exists whose data contain ``data``."""
    query = select(events.c.data).where(events.c.subject == subject, events.c.kind == kind.value)
    return any(all(row.get(key) == data[key] for key in data) for row in tx.scalars(query))


def prune(tx: Connection, *, count: int, since: float, most: int) -> int:
    """Delete up to ``most`` events: all but the newest ``count``, and those before ``since``.

    Events that are still to be delivered stay, and those that say which revision of a service was deployed.
    Returns how many were deleted.
    """
    deployed = [endpoint_subject(each) for each in tx.scalars(select(services.c.id))]
    is_old = or_(events.c.id <= newest_id(tx) - count, events.c.time < since)
    needed = events.c.subject.in_(deployed) | events.c.id.in_(select(deliveries_table.c.event_id))
    old = select(events.c.id).where(is_old, ~needed).order_by(events.c.id).limit(most)
    return tx.execute(delete(events).where(events.c.id.in_(list(tx.scalars(old))))).rowcount


def newest_id(tx: Connection) -> int:
    """The id of the newest event; 0 before the first."""
    return tx.scalar(select(func.max(events.c.id))) or 0


def _event(row: Any) -> Event:
    return Event(row.id, row.time, kind_of(row.kind), row.subject, row.message, row.data)
