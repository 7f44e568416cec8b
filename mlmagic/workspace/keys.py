"""The keys of services: one row per service, whatever its revision. They are in no event and no record."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

from mlmagic.core.access import ServiceKeys
from mlmagic.workspace.database import service_keys


def get(tx: Connection, service_id: str) -> ServiceKeys | None:
    """The keys of a service; None for one that has never had any."""
    columns = (service_keys.c.primary, service_keys.c.secondary, service_keys.c.token_secret)
    row = tx.execute(select(*columns).where(service_keys.c.service_id == service_id)).first()
    return ServiceKeys(*row) if row else None


def keep(tx: Connection, service_id: str, held: ServiceKeys) -> None:
    """Record the keys of a service, in place of those before."""
    forget(tx, service_id)
    tx.execute(insert(service_keys).values(service_id=service_id, **asdict(held)))


def forget(tx: Connection, service_id: str) -> None:
    """Remove them."""
    tx.execute(delete(service_keys).where(service_keys.c.service_id == service_id))
