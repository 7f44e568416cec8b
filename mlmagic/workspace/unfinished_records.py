"""Records of profiles and packages that say Running: whether a process is still at it.

A supervisor writes the end of a record whose process has died. Until then, and where there is no supervisor,
readers are told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from mlmagic.errors import WrongState
from mlmagic.workspace import assets, temporary_work
from mlmagic.workspace.assets import Asset

OWNER_ENDED = "the process that ran it ended"
_RUNNING = "Running"


def says_running(record: Mapping[str, Any]) -> bool:
    """Whether the record is that of something under way, by its own words."""
    return bool(record.get("state") == _RUNNING)


def ended(record: Mapping[str, Any], changes: Mapping[str, Any], error: str) -> dict[str, Any]:
    """The record of what did not finish."""
    return {**record, **changes, "error": error}


def as_they_are(tx: Connection, found: Iterable[Asset]) -> list[dict[str, Any]]:
    """The records of these assets; one whose process has died says so."""
    found = list(found)
    if not any(says_running(asset.record) for asset in found):
        return [asset.record for asset in found]
    left = {
        (each.kind, each.name, each.version): each.changes
        for work in temporary_work.list_work(tx, of_all_machines=True)
        if (each := work.unfinished) is not None and temporary_work.has_no_owner(work.owner)
    }

    def as_it_is(asset: Asset) -> dict[str, Any]:
        changes = left.get((asset.kind, asset.name, asset.version))
        if changes is None or not says_running(asset.record):
            return asset.record
        return ended(asset.record, changes, OWNER_ENDED)

    return [as_it_is(asset) for asset in found]


def remove(tx: Connection, kind: str, name: str) -> None:
    """Delete all versions. Raises `NotFound`, and `WrongState` while a process is at one of them."""
    if any(map(says_running, as_they_are(tx, assets.all_versions(tx, kind, name)))):
        raise WrongState(name, _RUNNING, "delete", hint="Interrupt it first, or wait.")
    assets.remove(tx, kind, name)
