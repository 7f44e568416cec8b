"""Assets: versioned records that the workspace keeps by kind and name, such as environments and datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.errors import AlreadyExists, InvalidConfig
from mlmagic.workspace import assets
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.memory import Memory


class Assets:
    """Registers, finds and deletes assets."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def keep(self, kind: str, name: str, record: Mapping[str, Any], *, only_once: bool = False) -> Asset:
        """Register ``record`` as the next version; returns the newest version if it is equal.

        With ``only_once`` a name has one version: raises `AlreadyExists` if the name is taken.
        """
        with self._memory.writing() as tx:
            there = assets.versions(tx, kind, name)
            if there and only_once:
                raise AlreadyExists(kind, name)
            newest = assets.get(tx, kind, name) if there else None
            if newest is not None and _same(newest.record, record):
                return newest
            return assets.add(tx, kind, name, record)

    def get(self, kind: str, name: str, version: str | int | None = None) -> Asset:
        """One version, the newest by default; raises `NotFound`."""
        if isinstance(version, str):
            if not version.isdigit():
                raise InvalidConfig(f"version of {kind} {name!r}", version, "must be a whole number")
            version = int(version)
        with self._memory.reading() as tx:
            return assets.get(tx, kind, name, version)

    def versions(self, kind: str, name: str) -> list[int]:
        """The version numbers, oldest first; empty for a name that was never registered."""
        with self._memory.reading() as tx:
            return assets.versions(tx, kind, name)

    def delete(self, kind: str, name: str) -> None:
        """Delete all versions of an asset; raises `NotFound`."""
        with self._memory.writing() as tx:
            assets.remove(tx, kind, name)

    def list(self, kind: str) -> list[Asset]:
        """The newest version of each asset of a kind, sorted by name."""
        with self._memory.reading() as tx:
            return assets.newest_of_each(tx, kind)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records are equal; a record may carry its own version."""
    return {**one, "version": None} == {**other, "version": None}
