"""``mlmagic batch``: a model, a service or a script over many rows or files."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.completion import complete_batch_jobs, complete_services
from mlmagic.cli.output import done, echo, output, say, show, show_listing, time_text
from mlmagic.cli.records import deleted
from mlmagic.cli.script_options import all_of, for_engine, inference, model_ids, models, of_rows, script
from mlmagic.core.batch_arguments import GROUPS, OPTIONS
from mlmagic.core.batch_job import JobState
from mlmagic.errors import LaunchFailed, UsageError

if TYPE_CHECKING:
    from mlmagic.core.batch_job import BatchJob as Job
    from mlmagic.engine.batch.batch import Scored
    from mlmagic.engine.engine import Engine


@click.group(cls=Commands)
def batch() -> None:
    """Batch jobs: score many rows or files."""


def _batch_options(command: Any) -> Any:
    return all_of([row for group, rows in GROUPS.items() for row in of_rows(rows, group)], command)


@batch.command("run")
@option("-n", "--name", metavar="NAME", help="The job's name. Default: that of what is run.")
@models
@option(
    "--service",
    metavar="SERVICE",
    shell_complete=complete_services,
    help="Score with what this service runs.",
)
@option("--batch-script", is_flag=True, help="The entry script's run() gets mini-batches, not requests.")
@script
@_batch_options
@output()
def run_batch(name: str | None, service: str | None, batch_script: bool, form: str, **options: Any) -> None:
    """Score many rows or files, in several processes or on a Dask cluster, and wait for the end.

    A job that was interrupted goes on with --resume: what is done is not done again.

    \b
    Examples:
      mlmagic batch run -m diabetes -i rows.parquet --output-path predictions --keep id
      mlmagic batch run --service diabetes-svc -i "data/*.csv" --output-path predictions.csv
      mlmagic batch run --entry-script score.py --batch-script -i images --output-path labels.jsonl
    """
    from pathlib import Path

    from mlmagic.sdk.batch_job import BatchJob
    from mlmagic.sdk.workspace import Workspace

    data, results = options.pop("input"), options.pop("output")
    for value, needed in ((data, "--input"), (results, "--output-path")):
        if value is None:
            raise UsageError(f"{needed} is missing")
    given = {name: options.pop(name) for name in OPTIONS}
    with engine() as opened:
        scored, own = _scored(opened, service, options, batch_script=batch_script)
        job = BatchJob.run(
            Workspace.over(opened), name or own, scored, data, Path(results), watching=_say, **given
        )
        failures = job.failures()
    for failure in failures[:3]:
        say(f"mini-batch {failure['batch']} has failed {failure['tries']} times:")
        say(str(failure.get("traceback") or f"{failure['type']}: {failure['message']}").rstrip())
    show(record_of(job.record), form)
    if job.record.state is JobState.FAILED:
        raise LaunchFailed("batch", f"batch job {job.name} has failed: {job.error}")


def _scored(
    opened: Engine, service: str | None, options: dict[str, Any], *, batch_script: bool
) -> tuple[Scored, str]:
    """What is run, and the job's name."""
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.sdk.batch_job import scored_models, scored_script, scored_service
    from mlmagic.sdk.workspace import Workspace

    names, handle = model_ids(options), inference(opened, options)
    if service is not None:
        if names or handle is not None:
            raise UsageError(f"--service {service} excludes models and scripts: it has its own")
        return scored_service(Workspace.over(opened), service), service
    given, _ = for_engine(handle, DeploymentConfig())
    if batch_script:
        if given is None:
            raise UsageError("--batch-script needs --entry-script")
        return scored_script(given, given.entry_script), PurePath(given.entry_script).stem
    if not names:
        raise UsageError("there is nothing to score with: name a model with -m, or a --service")
    found = [model.id for model in opened.models.find_all(names)]
    return scored_models(found, given), found[0].partition(":")[0]


def _say(job: Job) -> None:
    tally = job.tally
    if not tally.items:
        return
    left = "" if job.seconds_left is None else f", about {job.seconds_left:.0f} s left"
    failed = f", {tally.failed_items:,} failed" if tally.failed_items else ""
    say(
        f"{job.name}: {tally.done_items:,} of {tally.items:,} items{failed}, {job.rate:,.0f} per second{left}"
    )


def record_of(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    tally = job.tally
    return {
        "name": job.name,
        "version": job.version,
        "state": str(job.state),
        "scores": job.scores,
        "input": job.input,
        "output": job.output,
        "createdTime": time_text(job.created_time),
        "items": tally.items,
        "succeededItems": tally.succeeded_items,
        "failedItems": tally.failed_items,
        "miniBatches": tally.batches,
        "failedMiniBatches": tally.failed_batches,
        "seconds": round(job.seconds, 3),
        "itemsPerSecond": round(job.rate, 1),
        "error": job.error or None,
    }


_name = option(*("-n", "--name"), required=True, shell_complete=complete_batch_jobs, help="The job.")


@batch.command("list")
@output("table")
def list_jobs(form: str) -> None:
    """List the newest job of each name.

    \b
    Example:
      mlmagic batch list
    """
    from mlmagic.widgets.batch_jobs import jobs_listing

    with engine() as opened:
        found = opened.batch_jobs.list()
    show_listing(jobs_listing(found, found), lambda: [record_of(job) for job in found], form)


@batch.command("show")
@_name
@output()
def show_job(name: str, form: str) -> None:
    """Show a job.

    \b
    Example:
      mlmagic batch show -n diabetes
    """
    with engine() as opened:
        show(record_of(opened.batch_jobs.get(name)), form)


@batch.command("logs")
@_name
def show_log(name: str) -> None:
    """Print what the script of a job has printed.

    \b
    Example:
      mlmagic batch logs -n diabetes
    """
    with engine() as opened:
        echo(opened.batch_jobs.log(opened.batch_jobs.get(name)).rstrip())


@batch.command("delete")
@_name
def delete_job(name: str) -> None:
    """Delete all jobs of this name; their results stay.

    \b
    Example:
      mlmagic batch delete -n diabetes
    """
    with engine() as opened:
        opened.batch_jobs.delete(name)
    done(f"deleted batch job {name}", deleted("name", name))
