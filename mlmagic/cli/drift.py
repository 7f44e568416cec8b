"""``mlmagic drift``: whether inputs and predictions of services still have the distribution of a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option, service_name
from mlmagic.cli.failures import DRIFTED
from mlmagic.cli.output import done, echo, end_with, output, plain, show, show_listing
from mlmagic.cli.script_options import all_of, of_rows
from mlmagic.core.drift_arguments import GROUP, ROWS, has_baseline
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.core.drift import DriftReport


@click.group(cls=Commands)
def drift() -> None:
    """Data drift: compare what services have collected with a baseline."""


def _check_options(command: Any) -> Any:
    return all_of(of_rows(ROWS, GROUP), command)


@drift.command("run")
@service_name
@_check_options
@output("table")
def run_check(name: str, baseline: str | None, form: str, **options: Any) -> None:
    """Compare the inputs and predictions that a service has collected with a baseline, column by column.

    Exits with 4 if there is drift, for use in a CI job.

    \b
    Examples:
      mlmagic drift run -n diabetes-svc --baseline train.parquet --prediction score --since 24h -o json
      mlmagic drift run -n diabetes-svc --baseline-since 14d --since 7d
      mlmagic drift run -n diabetes-svc --baseline train --every 1d
    """
    from mlmagic.sdk.drift_check import DriftCheck
    from mlmagic.sdk.workspace import Workspace

    if not has_baseline({**options, "baseline": baseline}):
        raise UsageError("--baseline is missing", hint="Name a dataset, or a time with --baseline-since.")
    every = options.pop("every")
    with engine() as opened:
        if every is not None:
            DriftCheck.schedule(Workspace.over(opened), name, baseline, every, **options)
            done(f"checking {name} for drift every {every}", {"name": name, "every": every})
            return
        report = DriftCheck.run(Workspace.over(opened), name, baseline, **options).report
    _show(report, form)
    if report.drifted:
        end_with(DRIFTED)


@drift.command("stop")
@service_name
def stop_checks(name: str) -> None:
    """Stop the drift checks of a service on a schedule.

    \b
    Example:
      mlmagic drift stop -n diabetes-svc
    """
    from mlmagic.sdk.drift_check import DriftCheck
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        DriftCheck.stop_schedule(Workspace.over(opened), name)
    done(f"stopped the scheduled drift checks of {name}", {"name": name, "stopped": True})


@drift.command("show")
@service_name
@option("--check", "version", type=int, metavar="NUMBER", help="Which check. Default: the newest.")
@output("table")
def show_check(name: str, version: int | None, form: str) -> None:
    """Show a drift check of a service.

    \b
    Example:
      mlmagic drift show -n diabetes-svc
    """
    with engine() as opened:
        _show(opened.drift.get(name, version), form)


@drift.command("list")
@output("table")
def list_checks(form: str) -> None:
    """List the newest drift check of each service.

    \b
    Example:
      mlmagic drift list
    """
    from mlmagic.widgets.drift import reports_listing

    with engine() as opened:
        found = opened.drift.list()
    show_listing(reports_listing(found, found), lambda: [_record(report) for report in found], form)


def _record(report: DriftReport) -> dict[str, Any]:
    record: dict[str, Any] = plain(report)
    return {
        **record,
        "drifted": report.drifted,
        "driftedFeatures": report.drifted_features,
        "driftedPredictions": report.drifted_predictions,
    }


def _show(report: DriftReport, form: str) -> None:
    from mlmagic.widgets.drift import drift_card

    if form == "table":
        echo(drift_card(report).text)
    else:
        show(_record(report), form)
