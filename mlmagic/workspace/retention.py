"""How long events and finished deliveries are kept, and how they are deleted when their time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, select

from mlmagic.workspace import deliveries, events
from mlmagic.workspace.database import events as table

EVENTS_KEPT = 100_000
EVENT_SECONDS = 90 * 24 * 3600.0
DELIVERY_SECONDS = 30 * 24 * 3600.0
AT_ONCE = 10_000
"""Other writers get a turn after so many rows."""

Transaction = Callable[[], AbstractContextManager[Connection]]


def prune(reading: Transaction, writing: Transaction) -> None:
    """Delete what is too old or too much. One read if there is nothing."""
    now = time.time()
    with reading() as tx:
        if not _is_anything_old(tx, now):
            return
    with writing() as tx:
        deliveries.prune(tx, now - DELIVERY_SECONDS)
    deleted = AT_ONCE
    while deleted == AT_ONCE:
        with writing() as tx:
            deleted = events.prune(tx, count=EVENTS_KEPT, since=now - EVENT_SECONDS, most=AT_ONCE)


def _is_anything_old(tx: Connection, now: float) -> bool:
    oldest = tx.execute(select(table.c.id, table.c.time).order_by(table.c.id).limit(1)).first()
    if oldest is not None and (
        oldest.id <= events.newest_id(tx) - EVENTS_KEPT or oldest.time < now - EVENT_SECONDS
    ):
        return True
    return deliveries.is_any_old(tx, now - DELIVERY_SECONDS)
