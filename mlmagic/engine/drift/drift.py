"""Drift checks of a workspace's services: each is recorded, and one that finds drift is an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlmagic.core.drift import DriftReport, DriftRule
from mlmagic.core.notices import NOTICE_DATA, check_happening, dataset_drift_detected
from mlmagic.core.webservice import Webservice
from mlmagic.engine.collected_data.collected_data import CollectedData
from mlmagic.engine.collected_data.tables import feature_columns
from mlmagic.engine.drift.comparison import check_packages, compare
from mlmagic.engine.drift.predictions import compared_predictions
from mlmagic.errors import NotFound
from mlmagic.scoring.collection.entries import TIMESTAMP
from mlmagic.workspace import assets, events
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    import pandas
    from sqlalchemy import Connection

KIND = "drift-report"


class Drift:
    """Compares the collected inputs and predictions of services with baselines."""

    def __init__(self, memory: Memory, collected_data: CollectedData, on_news: Callable[[], None]) -> None:
        """``on_news`` is called when there is something to deliver."""
        self._memory, self._collected_data, self._on_news = memory, collected_data, on_news

    def check(
        self,
        service: str,
        baseline: pandas.DataFrame,
        *,
        baseline_name: str,
        rule: DriftRule | None = None,
        columns: Sequence[str] = (),
        prediction: Sequence[str] = (),
        since: datetime | None = None,
    ) -> DriftReport:
        """Compare what a service has collected with ``baseline``, and record the report.

        ``prediction`` are the columns of the baseline with predictions; those of collected requests are
        known. If there is drift, the event DatasetDriftDetected is published. Raises `UsageError` if there is
        too little data or nothing to compare, and `NotFound` for a service or a column.
        """
        check_packages()
        rule = rule or DriftRule()
        collected = self._collected_data.requests(service, since=since)
        predictions = compared_predictions(baseline, collected, prediction, columns)
        before = [name for name in feature_columns(baseline) if name not in predictions.names]
        inputs = collected.table[[*collected.inputs]]
        found = compare(baseline[before], inputs, rule, columns, predictions)
        times = collected.table[TIMESTAMP]
        report = DriftReport(
            service,
            0,
            baseline_name,
            len(baseline),
            len(collected.table),
            time.time(),
            times.min().timestamp(),
            times.max().timestamp(),
            rule,
            found.classifier,
            found.features,
            found.left_out,
            found.predictions,
        )
        return self._recorded(report)

    def list(self) -> list[DriftReport]:
        """The newest report of each service."""
        with self._memory.reading() as tx:
            return [_report(asset) for asset in assets.newest_of_each(tx, KIND)]

    def get(self, service: str, version: int | None = None) -> DriftReport:
        """A report of a service, the newest by default. Raises `NotFound`."""
        with self._memory.reading() as tx:
            return _report(assets.get(tx, KIND, service, version))

    def last(self, service: Webservice) -> DriftReport | None:
        """The newest report of a service; None without one."""
        with self._memory.reading() as tx:
            return last_report(tx, service)

    def _recorded(self, report: DriftReport) -> DriftReport:
        """The report with its version. The record and the event are written together."""
        with self._memory.writing() as tx:
            asset = assets.add(tx, KIND, report.service, report.record())
            assets.keep_newest(tx, KIND, report.service)
            report = replace(report, version=asset.version)
            if report.drifted:
                happening = dataset_drift_detected(
                    report.service,
                    str(report.version),
                    report.coefficient,
                    name=report.service,
                    base_dataset_id=report.baseline,
                    target_dataset_id=f"{report.service}/{next(iter(report.drifted_groups))}",
                    start=datetime.fromtimestamp(report.start_time, UTC),
                    end=datetime.fromtimestamp(report.end_time, UTC),
                )
                check_happening(happening)
                data = {NOTICE_DATA: dict(happening.data)}
                events.append(tx, happening.kind, happening.subject, message(report), data)
        if report.drifted:
            self._on_news()
        return report


def last_report(tx: Connection, service: Webservice) -> DriftReport | None:
    """The newest report of a service; None without one, or if it is of an earlier service of that name."""
    try:
        report = _report(assets.get(tx, KIND, service.name))
    except NotFound:
        return None
    return report if report.created_time >= service.created_time else None


def message(report: DriftReport) -> str:
    """What an event of the log says."""
    return "; ".join(
        f"{group} of {report.service} have drifted from {report.baseline}: {names}"
        for group, names in report.drifted_groups.items()
    )


def _report(asset: Asset) -> DriftReport:
    return DriftReport.of(asset.name, asset.version, asset.record)
