"""Writes records to the store: in the process of the server, or in one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlmagic.scoring.collection.entries import Entry
from mlmagic.scoring.collection.packed_requests import records_of
from mlmagic.scoring.collection.recorded_requests import RequestTables, ScoredRequest
from mlmagic.scoring.collection.settings import CollectionSettings
from mlmagic.scoring.collection.stores import Batch, batches_of, store_of
from mlmagic.scoring.delivery.delivery import Outcome

if TYPE_CHECKING:
    from mlmagic.scoring.collection.packed_requests import Record


class RowWriter:
    """Makes rows of records, redacts them, and writes them."""

    def __init__(self, settings: CollectionSettings) -> None:
        self._settings, self._store = settings, store_of(settings)
        self._failed: list[tuple[Batch, Exception]] = []

    @property
    def failed(self) -> list[tuple[Entry, Exception]]:
        """What could not be written so far, and why."""
        return [(entry, error) for batch, error in self._failed for entry in batch.entries]

    def deliver(self, records: Sequence[Record]) -> Outcome:
        """Write them."""
        requests = RequestTables(self._settings)
        entries: list[Entry] = []
        dropped, reason = 0, ""
        for record in records:
            try:
                if isinstance(record, bytes):
                    requests.add(ScoredRequest.unpacked(record))
                else:
                    entries.append(record.redacted(self._settings.redaction))
            except Exception as error:
                dropped, reason = dropped + records_of(record), f"{type(error).__name__}: {error}"
        outcome = self._write(batches_of([*entries, *requests.entries()]))
        return outcome._replace(dropped=dropped, reason=outcome.reason or reason)

    def again(self) -> Outcome:
        """Write what could not be written."""
        return self._write([batch for batch, _ in self._failed])

    def _write(self, batches: Sequence[Batch]) -> Outcome:
        """Write each batch whole or not at all."""
        self._failed, written = [], 0
        for batch in batches:
            try:
                self._store.write(batch)
                written += batch.records
            except Exception as error:  # each kind of store has errors of its own
                self._failed.append((batch, error))
        reason = f"the store failed: {self._failed[-1][1]}" if self._failed else ""
        return Outcome(written, sum(batch.records for batch, _ in self._failed), reason=reason)

    def close(self) -> None:
        """Nothing stays open."""
