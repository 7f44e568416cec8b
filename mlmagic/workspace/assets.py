"""Assets: registered objects other than models, such as environments, datasets, profiles and packages.

Each is a JSON record with a kind and a name, and each registration is a version.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mlmagic.errors import NotFound
from mlmagic.workspace.database import assets

VERSIONS_KEPT = 100
"""So many profiles, packages, drift checks and batch jobs of one name are kept."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One version of a registered record."""

    kind: str
    name: str
    version: int
    record: dict[str, Any] = field(repr=False)
    """May hold passwords, as an environment's registry does."""
    created_time: float
    """Seconds since the epoch, UTC."""


def add(tx: Connection, kind: str, name: str, record: Mapping[str, Any]) -> Asset:
    """Record the next version."""
    newest = tx.scalar(select(func.max(assets.c.version)).where(assets.c.kind == kind, assets.c.name == name))
    made = Asset(kind, name, (newest or 0) + 1, dict(record), time.time())
    tx.execute(
        insert(assets).values(
            kind=kind, name=name, version=made.version, record=made.record, created_time=made.created_time
        )
    )
    return made


def replace(tx: Connection, kind: str, name: str, version: int, record: Mapping[str, Any]) -> None:
    """Replace the record of a version, for assets that change while they are created."""
    query = update(assets).where(assets.c.kind == kind, assets.c.name == name, assets.c.version == version)
    tx.execute(query.values(record=dict(record)))


def get(tx: Connection, kind: str, name: str, version: int | None = None) -> Asset:
    """The version given, or the newest. Raises `NotFound` with the existing ones."""
    query = select(assets).where(assets.c.kind == kind, assets.c.name == name)
    if version is not None:
        query = query.where(assets.c.version == version)
    row = tx.execute(query.order_by(assets.c.version.desc()).limit(1)).first()
    if row is not None:
        return _asset(row)
    there = versions(tx, kind, name)
    if there:
        raise NotFound(f"version of {kind} {name!r}", str(version), map(str, there))
    raise NotFound(kind, name, [each.name for each in newest_of_each(tx, kind)])


def versions(tx: Connection, kind: str, name: str) -> list[int]:
    """The versions of an asset, oldest first."""
    query = select(assets.c.version).where(assets.c.kind == kind, assets.c.name == name)
    return list(tx.scalars(query.order_by(assets.c.version)))


def newest_of_each(tx: Connection, kind: str) -> list[Asset]:
    """The newest version of each asset of a kind, by name."""
    query = select(assets).where(assets.c.kind == kind).order_by(assets.c.name, assets.c.version)
    return list({row.name: _asset(row) for row in tx.execute(query)}.values())


def all_versions(tx: Connection, kind: str, name: str | None = None) -> list[Asset]:
    """Every version of one asset, or of all of a kind, the oldest first."""
    query = select(assets).where(assets.c.kind == kind).order_by(assets.c.name, assets.c.version)
    if name is not None:
        query = query.where(assets.c.name == name)
    return [_asset(row) for row in tx.execute(query)]


def keep_newest(tx: Connection, kind: str, name: str) -> None:
    """Delete all but the newest `VERSIONS_KEPT` versions."""
    old = versions(tx, kind, name)[:-VERSIONS_KEPT]
    if old:
        this = (assets.c.kind == kind) & (assets.c.name == name)
        tx.execute(delete(assets).where(this, assets.c.version <= old[-1]))


def remove_versions(tx: Connection, kind: str, name: str, numbers: Sequence[int]) -> None:
    """Delete these versions."""
    this = (assets.c.kind == kind) & (assets.c.name == name)
    tx.execute(delete(assets).where(this, assets.c.version.in_(numbers)))


def remove(tx: Connection, kind: str, name: str) -> None:
    """Delete all versions. Raises `NotFound`."""
    get(tx, kind, name)
    tx.execute(delete(assets).where(assets.c.kind == kind, assets.c.name == name))


def _asset(row: Any) -> Asset:
    return Asset(row.kind, row.name, row.version, row.record, row.created_time)
