"""Writes records to the store: in the process of the server, or in one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from mlmagic.scoring.collection.entries import Entry
from mlmagic.scoring.collection.request_records import RECORDS, fields_of
from mlmagic.scoring.collection.request_tables import RequestTables
from mlmagic.scoring.collection.settings import CollectionSettings
from mlmagic.scoring.collection.stores import Batch, batches_of, store_of
from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.turns import turns

Record: TypeAlias = Entry | Sequence[Any]
"""What a script collects, or the fields of an `ObservedRequest`."""


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
        tables = RequestTables(self._settings)
        refused: list[tuple[Any, Exception]] = []
        requests = [fields_of(record) for record in records if not isinstance(record, Entry)]
        for some in turns(requests):
            if not tables.add_numbers(some):
                refused += _refused(tables.add, some)
        entries: list[Entry] = []
        collected = [record for record in records if isinstance(record, Entry)]
        refused += _refused(lambda entry: entries.append(entry.redacted(self._settings.redaction)), collected)
        outcome = self._write(batches_of([*entries, *tables.entries()]))
        dropped = sum(_count(record) for record, _ in refused)
        reason = outcome.reason or "".join(f"{type(error).__name__}: {error}" for _, error in refused[-1:])
        return outcome._replace(dropped=dropped, reason=reason)

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


def _count(record: Record) -> int:
    return record.records if isinstance(record, Entry) else RECORDS


def _refused(add: Callable[[Any], None], records: Iterable[Any]) -> list[tuple[Any, Exception]]:
    """Add each record; returns each that was refused, with its error."""
    refused: list[tuple[Any, Exception]] = []
    for record in records:
        try:
            add(record)
        except Exception as error:
            refused.append((record, error))
    return refused
