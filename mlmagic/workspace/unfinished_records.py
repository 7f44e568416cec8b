"""Records of profiles and packages that say Running: whether a process is still at it.

A supervisor writes the end of a record whose process has died. Until then, and where there is no supervisor,
readers are told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from mlmagic.workspace import temporary_work
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
    works = {
        (work.unfinished.kind, work.unfinished.name, work.unfinished.version): work
        for work in temporary_work.list_work(tx, of_all_machines=True)
        if work.unfinished is not None
    }
    records = []
    for asset in found:
        work = works.get((asset.kind, asset.name, asset.version))
        record = asset.record
        if work is not None and work.unfinished is not None and temporary_work.has_no_owner(work.owner):
            record = ended(record, work.unfinished.changes, OWNER_ENDED) if says_running(record) else record
        records.append(record)
    return records


def is_being_made(tx: Connection, found: Iterable[Asset]) -> bool:
    """Whether a process is at one of these assets."""
    return any(map(says_running, as_they_are(tx, found)))
