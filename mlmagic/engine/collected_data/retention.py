"""Deletes collected data that is too old, or too much. Data of today is never deleted.

The supervisor of a service does it, so no replica deletes what another one writes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mlmagic.core.collection import CollectionSettings
from mlmagic.core.webservice import Webservice
from mlmagic.engine.collected_data.files import CollectedFile, open_store
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

EVERY_SECONDS = 600.0
_GIGABYTE = 1 << 30
log = logging.getLogger(__name__)


def to_delete(
    files: Sequence[CollectedFile], today: date, *, days: int | None = None, gigabytes: float | None = None
) -> list[CollectedFile]:
    """The files older than ``days``, and the oldest ones over ``gigabytes``, in the order of days."""
    oldest = today - timedelta(days=days) if days is not None else date.min
    found = [file for file in files if file.day < min(oldest, today)]
    if gigabytes is not None:
        kept = [file for file in files if file not in found]
        excess = sum(file.size for file in kept) - gigabytes * _GIGABYTE
        for file in kept:
            if excess <= 0 or file.day >= today:
                break
            found.append(file)
            excess -= file.size
    return found


class Retention:
    """Keeps the collected data of services within the limits of their configurations."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time for the next sweep."""
        return time.monotonic() >= self._due

    def sweep(self, held: Iterable[Webservice], today: date | None = None) -> None:
        """Delete what is over the limits of services. A store that fails is tried again later."""
        self._due = time.monotonic() + EVERY_SECONDS
        for service in held:
            with self._memory.reading() as tx:
                config = services.get_revision(tx, service.id, service.revision).config
            wanted = CollectionSettings.of(config.compute_settings)
            if wanted is None or (wanted.retention_days is None and wanted.retention_gb is None):
                continue
            try:
                _delete(service.name, wanted, self._memory.location.collected_folder, today)
            except Exception as error:  # each kind of store has errors of its own
                log.warning("collected data of service %r cannot be deleted: %s", service.name, error)


def _delete(name: str, wanted: CollectionSettings, default: Path, today: date | None) -> None:
    store = open_store(wanted.store or str(default))
    now = today or datetime.now(UTC).date()
    for file in to_delete(store.list(name), now, days=wanted.retention_days, gigabytes=wanted.retention_gb):
        store.remove(file)
