"""The keys of services: one row per service. They are in no event and no service record."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

from mlmagic.core.access import ServiceKeys
from mlmagic.workspace.database import service_keys


def get(tx: Connection, service_id: str) -> ServiceKeys | None:
    """The keys of a service; None if it never had any."""
    columns = (service_keys.c.primary, service_keys.c.secondary, service_keys.c.token_secret)
    row = tx.execute(select(*columns).where(service_keys.c.service_id == service_id)).first()
    return ServiceKeys(*row) if row else None


def keep(tx: Connection, service_id: str, held: ServiceKeys) -> None:
    """Write the keys of a service; they replace earlier ones."""
    forget(tx, service_id)
    tx.execute(insert(service_keys).values(service_id=service_id, **asdict(held)))


def forget(tx: Connection, service_id: str) -> None:
    """Delete the keys of a service."""
    tx.execute(delete(service_keys).where(service_keys.c.service_id == service_id))
