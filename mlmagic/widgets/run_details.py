"""`RunDetails`: shows a run, its metrics, its child runs and its log until it has ended."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from IPython import get_ipython
from traitlets import Dict

from mlmagic.sdk.parallel_run import progress_of
from mlmagic.sdk.run import Run
from mlmagic.visible_text import visible
from mlmagic.widgets import html
from mlmagic.widgets.cards import Card
from mlmagic.widgets.component import source
from mlmagic.widgets.data_card import DataCard, DataOutput
from mlmagic.widgets.html import escape

POLL_SECONDS = 1.0
ENDED = ("Completed", "Finished", "Failed", "Canceled")
_LOG_LINES = 15
_MARKS = {"Completed": "●", "Finished": "●", "Failed": "✖", "Canceled": "○"}


class RunCard(DataCard):
    """A run as it goes on."""

    _esm = source("run_view", "runCard")
    mime = "application/vnd.mlmagic.run+json"
    shows = "run"
    run = Dict().tag(sync=True)
    """A `run_view`."""


class RunDetails:
    """Shows a run: ``RunDetails(run).show()``."""

    def __init__(self, run_instance: Run, **more: Any) -> None:
        self._run = run_instance
        self._thread: threading.Thread | None = None

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show the run in the notebook, updated until it has ended; print it in a plain process."""
        shell = get_ipython()
        if shell is None or not hasattr(shell, "kernel"):
            print(run_card(run_view(self._run)))
            return
        output = DataOutput(RunCard)
        if not self._draw(output):
            self._thread = threading.Thread(
                target=self._follow, args=(output,), name=f"details {self._run.id}", daemon=True
            )
            self._thread.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the display shows the end of the run, at most ``timeout`` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _follow(self, output: DataOutput) -> None:
        pause = threading.Event()
        ended = False
        while not ended:
            pause.wait(POLL_SECONDS)
            ended = self._draw(output)

    def _draw(self, output: DataOutput) -> bool:
        """Whether the run had ended."""
        view = run_view(self._run)
        ended = not view["running"]
        output.show(run_card(view), view, ended=ended)
        return ended

    def __repr__(self) -> str:
        return f"RunDetails({self._run!r})"


def run_view(run: Run) -> dict[str, Any]:
    """The run as it is now, for its component: status, metrics, child runs and the end of its log."""
    status = run.get_status()
    logs = run.get_details_with_logs()["logFiles"]
    return {
        "id": run.id,
        "experiment": run.experiment.name,
        "status": status,
        "running": status not in ENDED,
        "started": started(run),
        "error": visible(str(run.get_properties().get("error", ""))) if status == "Failed" else "",
        "metrics": [
            [visible(name), visible(metric_text(value))] for name, value in run.get_metrics().items()
        ],
        "children": [
            [
                visible(str(child.get_properties().get("step", child.id))),
                child.get_status(),
                progress_of(child),
            ]
            for child in run.get_children()
        ],
        "log": [visible(line) for text in logs.values() for line in text.splitlines()][-_LOG_LINES:],
    }


def started(run: Run) -> float:
    """When a run began, in seconds since the epoch."""
    return datetime.fromisoformat(run.get_details()["startTimeUtc"]).timestamp()


def run_card(view: Mapping[str, Any]) -> Card:
    """A `run_view` as a static card."""
    mark = _MARKS.get(view["status"], "◌")
    title = f"{mark} Run {view['id']} of experiment {view['experiment']}: {view['status']}"
    parts = [f"<div><b>{escape(title)}</b></div>"]
    texts = [title]
    for headings, rows, caption in (
        (["Metric", "Value"], view["metrics"], "Metrics"),
        (["Child run", "Status"], [_row_of(*child) for child in view["children"]], "Child runs"),
    ):
        if rows:
            parts.append(html.table(headings, [[escape(cell) for cell in row] for row in rows], caption))
            texts.append(html.plain_table(headings, rows))
    if view["error"]:
        parts.append(html.told(view["error"]))
        texts.append(view["error"])
    elif view["log"]:
        lines = "\n".join(view["log"])
        parts.append(html.pre(lines, 'aria-label="Log"'))
        texts.append(lines)
    body = "".join(parts)
    markup = f'<div style="{html.FONT};max-width:900px">{body}</div>'
    return Card(markup, "\n\n".join(texts))


def _row_of(name: str, status: str, progress: Mapping[str, int]) -> list[str]:
    if not progress:
        return [name, status]
    words = [f"{progress['done']} of {html.count(progress['items'], 'item')}"]
    if progress["failed"]:
        words.append(f"{progress['failed']} failed")
    if progress["rate"]:
        words.append(f"{progress['rate']} per second")
    if progress["seconds_left"]:
        words.append(f"about {progress['seconds_left']} s left")
    return [name, f"{status}: {', '.join(words)}"]


def metric_text(value: Any) -> str:
    """A value as text; of several values the last one and their number."""
    if isinstance(value, list) and value:
        return f"{metric_text(value[-1])} ({html.count(len(value), 'value')})"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
