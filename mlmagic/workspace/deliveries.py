"""What is on its way to whom: an outbox.

A delivery is written with its event, in one transaction: what happened is told, and what did not is not. It
waits until an attempt has been answered and that was written down; whoever is killed in between, the next
one sends it again. To one subscription, one process sends at a time: the one that holds its lease.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from mlmagic.core.events import Event
from mlmagic.core.notices import notice_of
from mlmagic.core.subscription import Delivery, DeliveryState, Verdict
from mlmagic.workspace.database import deliveries, subscriptions
from mlmagic.workspace.leases import is_free
from mlmagic.workspace.subscriptions import list_subscriptions

LEASE_SECONDS = 60.0
"""Longer than an attempt may take; the lease of a process that has ended is free at once."""

_WAITING = deliveries.c.state == DeliveryState.WAITING.value


def add(tx: Connection, event: Event) -> None:
    """Write down to whom an event is to be delivered, at once."""
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
    """The subscriptions to which something is due and whose lease is free, but for those in ``but``."""
    due = select(deliveries.c.subscription).where(_WAITING, deliveries.c.next_time <= now).distinct()
    rows = tx.execute(select(subscriptions).where(subscriptions.c.name.in_(due))).all()
    return [row.name for row in rows if row.name not in but and is_free(row, me, now)]


def claim(
    tx: Connection, me: str, now: float, *, but: Collection[str] = (), most: int | None = None
) -> list[str]:
    """Take the leases of the first ``most`` that are `claimable`; returns their names."""
    found = claimable(tx, me, now, but=but)[:most]
    for name in found:
        renew(tx, me, name, now)
    return found


def renew(tx: Connection, me: str, name: str, now: float) -> None:
    tx.execute(
        update(subscriptions)
        .where(subscriptions.c.name == name)
        .values(lease_holder=me, lease_until=now + LEASE_SECONDS)
    )


def release(tx: Connection, me: str, name: str | None = None) -> None:
    """Give a lease of ``me`` back; all of them without a name."""
    mine = update(subscriptions).where(subscriptions.c.lease_holder == me)
    if name is not None:
        mine = mine.where(subscriptions.c.name == name)
    tx.execute(mine.values(lease_holder=None, lease_until=0.0))


def take(tx: Connection, me: str, name: str, now: float) -> Delivery | None:
    """The next delivery that is due to a subscription, if its lease is (still) ours; renews that.

    What was tried least comes first: one notice that a receiver chokes on does not keep the others.
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
    renew(tx, me, name, now)
    return _delivery(due)


def settle(tx: Connection, seen: Delivery, verdict: Verdict, status: int | None) -> None:
    """Write what became of an attempt; nothing if somebody else has written meanwhile."""
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
    """Let all that waits for a subscription wait until then."""
    tx.execute(
        update(deliveries)
        .where(deliveries.c.subscription == name, _WAITING, deliveries.c.next_time < until)
        .values(next_time=until)
    )


def list_deliveries(
    tx: Connection, name: str | None = None, states: Sequence[DeliveryState] = ()
) -> list[Delivery]:
    """Deliveries, the newest event first; of one subscription, or in certain states, if named."""
    query = select(deliveries).order_by(deliveries.c.event_id.desc(), deliveries.c.subscription)
    if name is not None:
        query = query.where(deliveries.c.subscription == name)
    if states:
        query = query.where(deliveries.c.state.in_([state.value for state in states]))
    return [_delivery(row) for row in tx.execute(query)]


def revive(tx: Connection, name: str) -> int:
    """Let the dead deliveries of a subscription be tried again, as if they were new; returns how many."""
    now = time.time()
    done = tx.execute(
        update(deliveries)
        .where(deliveries.c.subscription == name, deliveries.c.state == DeliveryState.DEAD.value)
        .values(state=DeliveryState.WAITING.value, attempts=0, since=now, next_time=now)
    )
    return done.rowcount


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
