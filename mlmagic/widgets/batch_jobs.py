"""Cards of batch jobs: one that runs or has ended, and a table of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from traitlets import Dict

from mlmagic.core.advice import FIRST
from mlmagic.core.batch_job import BatchJob, JobState
from mlmagic.errors import Advice
from mlmagic.visible_text import visible
from mlmagic.widgets import html
from mlmagic.widgets.cards import Card, Listing
from mlmagic.widgets.component import source
from mlmagic.widgets.data_card import DataCard, DataOutput
from mlmagic.widgets.html import escape

_MARKS = {JobState.COMPLETED: "●", JobState.FAILED: "✖", JobState.INTERRUPTED: "○"}
_HEADINGS = ("Job", "State", "Scores", "Done", "Failed", "Items/s", "Output")


class BatchJobCard(DataCard):
    """A batch job as it goes on."""

    _esm = source("batch_view", "batchCard")
    mime = "application/vnd.mlmagic.batch-job+json"
    shows = "job"
    job = Dict().tag(sync=True)
    """A `job_view`."""


class BatchJobOutput(DataOutput):
    """The progress of a batch job in the cell, and then what came of it."""

    def __init__(self) -> None:
        super().__init__(BatchJobCard)

    def draw(self, job: BatchJob) -> None:
        """Show the job as it is now."""
        view = job_view(job)
        self.show(job_card(view), view, ended=not view["running"])


def job_view(job: BatchJob) -> dict[str, Any]:
    """A job for its component: texts and figures."""
    tally = job.tally
    figures = []
    if tally.items:
        figures = [
            ["Done", f"{tally.done_items:,} of {tally.items:,}"],
            ["Failed", f"{tally.failed_items:,}"],
        ]
    if job.rate:
        figures.append(["Items per second", f"{job.rate:,.0f}"])
    return {
        "name": visible(job.name),
        "headline": visible(headline(job)),
        "running": job.state is JobState.RUNNING,
        "items": tally.items,
        "done": tally.done_items,
        "figures": figures,
        "seconds_left": None if job.seconds_left is None else round(job.seconds_left),
        "dashboard": job.dashboard if urlsplit(job.dashboard).scheme in ("http", "https") else "",
        "error": visible(job.error),
    }


def headline(job: BatchJob) -> str:
    """What the job does or has done, in one line."""
    words = f"{_MARKS.get(job.state, '◌')} {job.state}: {job.scores} over {job.input}"
    if job.state is JobState.COMPLETED:
        return f"{words}, results in {job.output}"
    if job.state is JobState.INTERRUPTED:
        return f"{words}. To go on with it, run the same with --resume."
    return words


def job_card(view: dict[str, Any]) -> Card:
    """A `job_view` as a static card."""
    head = f"{view['name']} {view['headline']}"
    figures = [f"{name}: {value}" for name, value in view["figures"]]
    if view["seconds_left"] is not None:
        figures.append(f"time left: about {view['seconds_left']} s")
    line = ", ".join(figures)
    bar = (
        f'<progress max="{view["items"] or 1}" value="{view["done"]}" '
        f'aria-label="Progress of {escape(view["name"])}"></progress> '
        if view["running"]
        else ""
    )
    error = html.pre(view["error"], 'role="alert"') if view["error"] else ""
    markup = (
        f'<div style="{html.FONT};max-width:900px;overflow-wrap:anywhere">'
        f'<div role="status">{escape(head)}</div>'
        f"<div>{bar}{escape(line)}</div>{error}</div>"
    )
    return Card(markup, "\n".join(filter(None, [head, line, view["error"]])))


def jobs_listing(jobs: Sequence[BatchJob], items: Sequence[Any]) -> Listing:
    """A table of jobs; ``items`` are what the list has."""
    rows = [
        [
            job.name,
            str(job.state),
            job.scores,
            f"{job.tally.done_items:,} of {job.tally.items:,}",
            f"{job.tally.failed_items:,}",
            f"{job.rate:,.0f}",
            job.output,
        ]
        for job in jobs
    ]
    none = Advice("No batch jobs. Run one with: {first}", first=FIRST["batch"])
    caption = html.count(len(rows), "batch job") if rows else none
    return Listing(items, _HEADINGS, rows, caption, "mlmagic-static-batches")
