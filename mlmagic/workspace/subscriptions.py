"""The table of webhook subscriptions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mlmagic.core import advice
from mlmagic.core.envelopes import Schema
from mlmagic.core.filters import EventFilter
from mlmagic.core.subscription import Subscription
from mlmagic.errors import Advice, AlreadyExists, NotFound
from mlmagic.workspace.database import deliveries, subscriptions


def check_free(tx: Connection, name: str) -> None:
    """Raises `AlreadyExists` if there is a subscription of that name."""
    if name in names(tx):
        raise AlreadyExists(
            "subscription",
            name,
            hint=Advice("Remove it first: {unsubscribe}", unsubscribe=advice.unsubscribe(name)),
        )


def add(tx: Connection, subscription: Subscription) -> None:
    """Add a subscription; it receives events from now on."""
    check_free(tx, subscription.name)
    tx.execute(
        insert(subscriptions).values(
            name=subscription.name,
            endpoint=subscription.endpoint,
            schema=subscription.schema.value,
            filter=subscription.filter.plain(),
            secret=subscription.secret,
            created_time=subscription.created_time,
        )
    )


def remove(tx: Connection, name: str) -> None:
    """Remove a subscription and its deliveries."""
    get(tx, name)
    tx.execute(delete(deliveries).where(deliveries.c.subscription == name))
    tx.execute(delete(subscriptions).where(subscriptions.c.name == name))


def get(tx: Connection, name: str) -> Subscription:
    """The subscription of that name. Raises `NotFound` with the existing ones."""
    row = tx.execute(select(subscriptions).where(subscriptions.c.name == name)).first()
    if row is None:
        raise NotFound("subscription", name, names(tx))
    return _subscription(row)


def list_subscriptions(tx: Connection) -> list[Subscription]:
    """All subscriptions, by name."""
    return [_subscription(row) for row in tx.execute(select(subscriptions).order_by(subscriptions.c.name))]


def names(tx: Connection) -> list[str]:
    """The names of all subscriptions."""
    return list(tx.scalars(select(subscriptions.c.name).order_by(subscriptions.c.name)))


def _subscription(row: Any) -> Subscription:
    return Subscription(
        row.name,
        row.endpoint,
        Schema(row.schema),
        EventFilter.of(row.filter),
        row.secret,
        row.created_time,
    )
