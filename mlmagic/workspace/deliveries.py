"""The table of webhook deliveries (an outbox).

A delivery is written in the transaction of its event. It waits until the result of an attempt is recorded;
after a kill in between it is sent again. One process at a time sends to a subscription: the one that holds
its lease.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mlmagic.core.events import Event
from mlmagic.core.notices import notice_of
from mlmagic.core.subscription import Delivery, DeliveryState, Verdict
from mlmagic.workspace import leases
from mlmagic.workspace.database import deliveries, subscriptions
from mlmagic.workspace.subscriptions import list_subscriptions

LEASE_SECONDS = leases.LONGEST_SECONDS
"""Longer than an attempt; the lease of a process that has ended is free at once."""

_WAITING = deliveries.c.state == DeliveryState.WAITING.value


def add(tx: Connection, event: Event) -> None:
    """Add a delivery of the event for each subscription that accepts it, due now."""
    wanting = list_subscriptions(tx)
    # Filters look at neither the source nor the id, so the workspace's name need not be known here.
    notice = notice_of(event, "") if wanting else None
    now = time.time()
    for subscription in wanting:
        if notice is not None and subscription.filter.accepts(notice):
            tx.execute(
                insert(deliveries).values(
                    subscription=subscription.name,
                    event_id=event.id,
                    state=DeliveryState.WAITING.value,
                    attempts=0,
                    since=now,
                    next_time=now,
                    words="",
                )
            )


def next_due(tx: Connection) -> float | None:
    """When the next delivery is due, in seconds since 1970; None if none waits."""
    due: float | None = tx.scalar(select(func.min(deliveries.c.next_time)).where(_WAITING))
    return due


def claimable(tx: Connection, me: str, now: float, *, but: Collection[str] = ()) -> list[str]:
    """The subscriptions with a due delivery and a free lease, except those in ``but``."""
    due = select(deliveries.c.subscription).where(_WAITING, deliveries.c.next_time <= now).distinct()
    rows = tx.execute(select(subscriptions).where(subscriptions.c.name.in_(due))).all()
    free_at = leases.clock(tx)
    return [row.name for row in rows if row.name not in but and leases.is_free(row, me, free_at)]


def claim(
    tx: Connection, me: str, now: float, *, but: Collection[str] = (), most: int | None = None
) -> list[str]:
    """Take the leases of the first ``most`` that are `claimable`; returns their names."""
    found = claimable(tx, me, now, but=but)[:most]
    for name in found:
        renew(tx, me, name)
    return found


def renew(tx: Connection, me: str, name: str) -> None:
    """Take or renew the lease of a subscription."""
    tx.execute(
        update(subscriptions)
        .where(subscriptions.c.name == name)
        .values(lease_holder=me, lease_until=leases.clock(tx) + LEASE_SECONDS)
    )


def release(tx: Connection, me: str, name: str | None = None) -> None:
    """Release the lease of ``me`` on a subscription; without a name all of them."""
    mine = update(subscriptions).where(subscriptions.c.lease_holder == me)
    if name is not None:
        mine = mine.where(subscriptions.c.name == name)
    tx.execute(mine.values(lease_holder=None, lease_until=0.0))


def take(tx: Connection, me: str, name: str, now: float) -> Delivery | None:
    """The next due delivery of a subscription, if ``me`` holds its lease, which is renewed.

    Deliveries with the fewest attempts come first, so that a failing one does not block the others.
    """
    row = tx.execute(select(subscriptions).where(subscriptions.c.name == name)).first()
    if row is None or row.lease_holder != me:
        return None
    due = tx.execute(
        select(deliveries)
        .where(deliveries.c.subscription == name, _WAITING, deliveries.c.next_time <= now)
        .order_by(deliveries.c.attempts, deliveries.c.event_id)
        .limit(1)
    ).first()
    if due is None:
        return None
    renew(tx, me, name)
    return _delivery(due)


def settle(tx: Connection, seen: Delivery, verdict: Verdict, status: int | None) -> None:
    """Record the result of an attempt, unless another process has recorded one meanwhile."""
    tx.execute(
        update(deliveries)
        .where(_row(seen), _WAITING, deliveries.c.attempts == seen.attempts)
        .values(
            state=verdict.state.value,
            attempts=seen.attempts + 1,
            next_time=verdict.next_time,
            status=status,
            words=verdict.words,
        )
    )


def postpone(tx: Connection, name: str, until: float) -> None:
    """Postpone all waiting deliveries of a subscription until then."""
    tx.execute(
        update(deliveries)
        .where(deliveries.c.subscription == name, _WAITING, deliveries.c.next_time < until)
        .values(next_time=until)
    )


def list_deliveries(
    tx: Connection, name: str | None = None, states: Sequence[DeliveryState] = ()
) -> list[Delivery]:
    """Deliveries of one subscription or all, the newest event first; with ``states`` only in these."""
    query = select(deliveries).order_by(deliveries.c.event_id.desc(), deliveries.c.subscription)
    if name is not None:
        query = query.where(deliveries.c.subscription == name)
    if states:
        query = query.where(deliveries.c.state.in_([state.value for state in states]))
    return [_delivery(row) for row in tx.execute(query)]


def revive(tx: Connection, name: str) -> int:
    """Retry the dead deliveries of a subscription as if they were new; returns their number."""
    now = time.time()
    done = tx.execute(
        update(deliveries)
        .where(deliveries.c.subscription == name, deliveries.c.state == DeliveryState.DEAD.value)
        .values(state=DeliveryState.WAITING.value, attempts=0, since=now, next_time=now)
    )
    return done.rowcount


def is_any_old(tx: Connection, since: float) -> bool:
    """Whether `prune` has something to delete."""
    old = select(deliveries.c.event_id).where(_finished(), deliveries.c.since < since).limit(1)
    return tx.scalar(old) is not None


def prune(tx: Connection, since: float) -> int:
    """Delete the deliveries that were accepted, or given up, and began before ``since``; returns how many."""
    return tx.execute(delete(deliveries).where(_finished(), deliveries.c.since < since)).rowcount


def delete_finished(tx: Connection, name: str) -> int:
    """Delete the deliveries of a subscription that were accepted, or given up; returns their number."""
    return tx.execute(delete(deliveries).where(_finished(), deliveries.c.subscription == name)).rowcount


def _finished() -> Any:
    return deliveries.c.state != DeliveryState.WAITING.value


def _row(seen: Delivery) -> Any:
    return (deliveries.c.subscription == seen.subscription) & (deliveries.c.event_id == seen.event_id)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        row.subscription,
        row.event_id,
        DeliveryState(row.state),
        row.attempts,
        row.since,
        row.next_time,
        row.status,
        row.words,
    )
