"""`DriftCheck`: what a service has collected, compared with a baseline."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.drift import INPUTS, PREDICTIONS, DriftReport
from mlmagic.core.drift_arguments import columns_of, every_of, has_baseline, rule_of, since_of
from mlmagic.core.drift_windows import windows_of
from mlmagic.core.schedule import Schedule
from mlmagic.engine.batch.inputs import Files
from mlmagic.engine.drift.comparison import check_packages
from mlmagic.engine.drift.predictions import check_named
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.sdk.batch_inputs import inputs_of
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.schedule_definition import STARTER
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.identity import machine

if TYPE_CHECKING:
    import pandas

Checks = list["DriftCheck"]


@raises(UserErrorException)
class DriftCheck:
    """A drift check of a service, the newest by default."""

    def __init__(self, workspace: WorkspaceBase, service: str, version: int | None = None) -> None:
        self.workspace = workspace
        self._report = workspace.engine.drift.get(service, version)

    @classmethod
    def of(cls, workspace: WorkspaceBase, report: DriftReport) -> DriftCheck:
        """The handle of a report that was read."""
        made = cls.__new__(cls)
        made.workspace, made._report = workspace, report
        return made

    @classmethod
    def run(cls, workspace: WorkspaceBase, service: str, baseline: Any = None, **options: Any) -> DriftCheck:
        """Compare inputs and predictions that a service has collected with a baseline, and record the report.

        ``baseline`` is a DataFrame, a tabular `Dataset`, the name of a registered one, or a path; None for
        earlier requests of the service, with baseline_since or baseline_until. ``options`` are those of
        `%drift`: baseline_since, baseline_until, since, columns, prediction, threshold, alpha. Raises
        `UserErrorException` if one is invalid, or if there is too little data. Drift is no error: see
        `drifted`.
        """
        rule = rule_of(options)
        columns, prediction = columns_of(options), columns_of(options, "prediction")
        table, name, since = _baseline(workspace, service, baseline, options)
        report = workspace.engine.drift.check(
            service, table, baseline_name=name, rule=rule, columns=columns, prediction=prediction, since=since
        )
        return cls.of(workspace, report)

    @staticmethod
    def schedule(
        workspace: WorkspaceBase, service: str, baseline: str | Path | None, every: str, **options: Any
    ) -> None:
        """Check a service every ``every``, such as ``1d``, from now on. It replaces an earlier schedule.

        ``baseline`` is the name of a registered dataset, or a path; None for earlier requests of the service,
        with baseline_since or baseline_until. Each check is of the data collected in the time ``every``, or
        in ``since``. Ages are counted from each check. The supervisor daemon of this machine starts them.
        Raises `UserErrorException` for a service that does not exist, and for wrong options.
        """
        recurrence = every_of(every)
        options = {"since": every, **{name: value for name, value in options.items() if value is not None}}
        rule_of(options)
        columns_of(options)
        prediction = columns_of(options, "prediction")
        if baseline is not None and not isinstance(baseline, str | Path):
            raise InvalidConfig(
                "baseline",
                type(baseline).__name__,
                "must be a registered dataset or a path: others end with the notebook",
            )
        table, *_ = _baseline(workspace, service, baseline, options)
        check_named(prediction, table.columns)
        if baseline is not None:
            place = Path(baseline).expanduser()
            options["baseline"] = str(place.absolute()) if place.exists() else str(baseline)
        service = workspace.engine.services.get(service).name
        now = time.time()
        schedule = Schedule(
            id=str(uuid.uuid4()),
            name=f"drift check of {service}",
            experiment_name="",
            created_time=now,
            since=now,
            machine=machine(),
            command=(sys.executable, "-m", STARTER),
            recurrence=recurrence,
            drift_check={"service": service, "every": every, **options},
        )
        schedules = workspace.engine.schedules
        before = schedules.of_drift(service)
        schedules.create(schedule)
        if before is not None:
            schedules.disable(before.id)

    @staticmethod
    def stop_schedule(workspace: WorkspaceBase, service: str) -> None:
        """Stop the scheduled checks of a service. Raises `UserErrorException` if there are none."""
        schedules = workspace.engine.schedules
        found = schedules.of_drift(service)
        if found is None:
            known = [str(each.drift_check["service"]) for each in schedules.list() if each.drift_check]
            raise NotFound("schedule of drift checks", service, known)
        schedules.disable(found.id)

    @staticmethod
    def list(workspace: WorkspaceBase) -> Checks:
        """The newest check of each service."""
        return [DriftCheck.of(workspace, report) for report in workspace.engine.drift.list()]

    @property
    def report(self) -> DriftReport:
        """All that was measured."""
        return self._report

    @property
    def service(self) -> str:
        """The service's name."""
        return self._report.service

    @property
    def version(self) -> int:
        """Which check of the service it is, from 1."""
        return self._report.version

    @property
    def drifted(self) -> bool:
        """Whether there is drift."""
        return self._report.drifted

    @property
    def drifted_features(self) -> Any:
        """The names of the inputs that have drifted."""
        return self._report.drifted_features

    @property
    def drifted_predictions(self) -> Any:
        """The names of the predictions that have drifted."""
        return self._report.drifted_predictions

    def to_pandas_dataframe(self) -> pandas.DataFrame:
        """A row for each input and prediction: kind, test, statistic, p values, PSI, missing values, drifted.

        The column ``group`` is inputs or predictions.
        """
        import pandas

        charted = ("labels", "shares_before", "shares")
        record = self._report.record()
        rows = [{**row, "group": INPUTS} for row in record["features"]]
        rows += [{**row, "group": PREDICTIONS} for row in record["predictions"]]
        return pandas.DataFrame(rows).drop(columns=[*charted]).set_index("name")

    def __repr__(self) -> str:
        return f"DriftCheck(service={self.service!r}, version={self.version}, drifted={self.drifted})"


def _baseline(
    workspace: WorkspaceBase, service: str, baseline: Any, options: Mapping[str, Any]
) -> tuple[pandas.DataFrame, str, datetime | None]:
    """The rows of the baseline, its name, and where the data to compare begins.

    Raises `UsageError` without a baseline, and if a package for a check is missing.
    """
    if not has_baseline({**options, "baseline": baseline}):
        raise UsageError(
            "a drift check needs a baseline", hint="Name a dataset, or earlier requests with baseline_since."
        )
    check_packages()  # pandas reads the rows
    now = datetime.now(UTC)
    windows = windows_of(options, now)
    if windows is None:
        since = since_of(options.get("since"), now)
        return *_table(workspace, baseline), since
    requests = workspace.engine.collected_data.requests(
        service, since=windows.baseline_since, until=windows.baseline_until
    )
    return requests.table, windows.baseline_name, windows.since


def _table(workspace: WorkspaceBase, baseline: Any) -> tuple[pandas.DataFrame, str]:
    """The rows of a baseline, and its name."""
    import pandas

    inputs, name = inputs_of(workspace, baseline)
    if isinstance(inputs, Files):
        raise InvalidConfig("baseline", name, "must be a table: Parquet, CSV or JSON lines")
    tables = [each.read() if hasattr(each, "read") else each for each in inputs]
    return pandas.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0], name
