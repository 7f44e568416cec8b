"""The engine's verbs for assets: what the workspace keeps by kind and name besides models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.errors import AlreadyExists, InvalidConfig
from mlmagic.workspace import assets
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.memory import Memory


class AssetVerbs:
    """What can be done with assets."""

    memory: Memory

    def keep_asset(
        self, kind: str, name: str, record: Mapping[str, Any], *, only_once: bool = False
    ) -> Asset:
        """Register ``record``; the newest version, if it says the same, else the next.

        With ``only_once`` there is one version: raises `AlreadyExists` for a name that is taken.
        """
        with self.memory.writing() as tx:
            there = assets.versions(tx, kind, name)
            if there and only_once:
                raise AlreadyExists(kind, name)
            newest = assets.get(tx, kind, name) if there else None
            if newest is not None and _same(newest.record, record):
                return newest
            return assets.add(tx, kind, name, record)

    def asset(self, kind: str, name: str, version: str | int | None = None) -> Asset:
        """One version, the newest by default; raises `NotFound`."""
        if isinstance(version, str):
            if not version.isdigit():
                raise InvalidConfig(f"version of {kind} {name!r}", version, "must be a whole number")
            version = int(version)
        with self.memory.reading() as tx:
            return assets.get(tx, kind, name, version)

    def assets(self, kind: str) -> list[Asset]:
        """The newest version of each, by name."""
        with self.memory.reading() as tx:
            return assets.newest_of_each(tx, kind)

    def asset_versions(self, kind: str, name: str) -> list[int]:
        """Oldest first; empty for a name that was never registered."""
        with self.memory.reading() as tx:
            return assets.versions(tx, kind, name)

    def forget_asset(self, kind: str, name: str) -> None:
        """All its versions; raises `NotFound`."""
        with self.memory.writing() as tx:
            assets.remove(tx, kind, name)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records say the same; a record may carry its own version."""
    return {**one, "version": None} == {**other, "version": None}
