"""Collected data of services: files, tables, and the requests that they were."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlmagic.core import advice
from mlmagic.core.collection import COLLECTS, STORE
from mlmagic.engine.collected_data.bodies import request_bodies
from mlmagic.engine.collected_data.files import CollectedFile, Store, open_store
from mlmagic.engine.collected_data.labels import write_labels
from mlmagic.engine.collected_data.tables import Requests, concatenated, feature_columns, joined, read_table
from mlmagic.errors import Advice, InvalidConfig, NotFound, UsageError
from mlmagic.scoring.collection.entries import ID, INPUTS, LABELS, PREDICTIONS
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    import pandas


class CollectedData:
    """Reads what the services of one workspace have collected. That of a deleted service stays."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def files(self, name: str, *, store: str | None = None) -> list[CollectedFile]:
        """The files of a service, oldest first. ``store``: where they are, instead of the service's own."""
        return self._store(name, store).list(name)

    def read(
        self,
        name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        store: str | None = None,
    ) -> pandas.DataFrame:
        """The inputs of a service, with the predictions and the labels of the same requests.

        Of those that were collected from ``since`` on, and before ``until``; labels may have come later.
        Raises `UsageError` if there are none.
        """
        inputs = self.inputs(name, since=since, until=until, store=store)
        others = {each: self._table(name, each, since, None, store) for each in (PREDICTIONS, LABELS)}
        return joined(inputs, others)

    def requests(
        self, name: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Requests:
        """The inputs of a service, with the predictions of the same requests.

        Predictions that were collected without the correlation ids of inputs are not among them. Raises
        `UsageError` if there are no inputs.
        """
        inputs = self.inputs(name, since=since, until=until)
        predictions = self._table(name, PREDICTIONS, since, None, None)
        known = predictions[predictions[ID].isin(inputs[ID])]
        table, own = joined(inputs, {PREDICTIONS: known}), feature_columns(inputs)
        return Requests(table, tuple(own), tuple(feature_columns(table)[len(own) :]))

    def inputs(
        self,
        name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        store: str | None = None,
    ) -> pandas.DataFrame:
        """The inputs alone, with their correlation columns. Raises `UsageError` if there are none."""
        inputs = self._table(name, INPUTS, since, until, store)
        if not len(inputs):
            raise self._nothing(name, since, until, store)
        return inputs

    def designation(
        self,
        name: str,
        designation: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        store: str | None = None,
    ) -> pandas.DataFrame:
        """The rows of one designation, such as ``inputs``, with all their correlation columns."""
        return self._table(name, designation, since, until, store)

    def bodies(
        self,
        name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        store: str | None = None,
    ) -> list[str]:
        """The bodies of the collected requests, as they can be sent again; a profile takes them as a dataset.

        Raises `UsageError` if there are none: what a script's own collector writes are rows, not requests.
        """
        inputs = self._table(name, INPUTS, since, until, store, nullable=True)
        if not len(inputs):
            raise self._nothing(name, since, until, store)
        found = request_bodies(inputs)
        if not found:
            raise UsageError(
                f"the collected inputs of {name!r} are not whole requests",
                hint="Requests are collected where the script has no collector and no column is redacted.",
            )
        return found

    def add_labels(self, name: str, labels: pandas.DataFrame, *, store: str | None = None) -> int:
        """Add labels to collected requests; returns how many rows.

        Their column ``$aml_dc_correlation_id`` says to which request each row belongs. A request of several
        rows gets as many labels at once, in their order. Labels that are added again replace the ones before.
        """
        if ID not in labels.columns or len(labels.columns) < 2:
            raise InvalidConfig(
                "labels",
                list(labels.columns),
                f"must have the column {ID!r} and at least one label",
                hint="The ids are in the collected inputs, and in the header x-ms-request-id of each answer.",
            )
        place = self._place(name, store)
        opened = open_store(place)
        inputs = [file for file in opened.list(name) if file.designation == INPUTS]
        if not inputs:
            raise self._nothing(name, None, None, store)
        write_labels(place, inputs[-1], labels)
        return len(labels)

    def _table(
        self,
        name: str,
        designation: str,
        since: datetime | None,
        until: datetime | None,
        store: str | None,
        *,
        nullable: bool = False,
    ) -> pandas.DataFrame:
        opened = self._store(name, store)
        files = [file for file in opened.list(name) if file.designation == designation]
        chosen = [
            file
            for file in files
            if (since is None or file.day >= since.date()) and (until is None or file.day <= until.date())
        ]
        tables = [read_table(opened.read(file), file.form, nullable=nullable) for file in chosen]
        return concatenated([table for table in tables if len(table)], since, until)

    def _store(self, name: str, given: str | None) -> Store:
        return open_store(self._place(name, given))

    def _place(self, name: str, given: str | None) -> str:
        """The folder or URL of the data of a service: as its wanted revision names it, or the default."""
        if given is not None:
            return given
        default = str(self._memory.location.collected_folder)
        try:
            with self._memory.reading() as tx:
                service = services.get(tx, name)
                settings = services.get_revision(tx, service.id, service.revision).config.compute_settings
        except NotFound:
            if not open_store(default).list(name):
                raise
            return default
        return str(settings.get(STORE) or default)

    def _nothing(
        self, name: str, since: datetime | None, until: datetime | None, store: str | None
    ) -> UsageError:
        times = " and".join(
            f" {word} {time:%Y-%m-%d %H:%M}"
            for word, time in (("since", since), ("before", until))
            if time is not None
        )
        days = [file.day for file in self.files(name, store=store) if file.designation == INPUTS]
        if times and days:
            hint = f"Choose another time: data was collected from {min(days)} to {max(days)}."
        else:
            hint = Advice("Collect it with: {update}", update=advice.update(name, **{COLLECTS: True}))
        return UsageError(f"no data of {name!r} was collected{times}", hint=hint)
