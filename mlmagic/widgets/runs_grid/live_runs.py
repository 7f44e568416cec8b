"""What the table of runs shows: a row for each run of an experiment, which opens its metrics and log."""

from __future__ import annotations

from typing import Any

from mlmagic.sdk.run import Experiment, Run, newest_runs
from mlmagic.sdk.workspace import Workspace
from mlmagic.visible_text import visible
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.live_table import LiveTable
from mlmagic.widgets.run_details import metric_text, run_view, started

MOST_RUNS = 200
"""Those that changed last; a table of more is read too slowly, and by nobody."""
_SHORT = 8
"""Letters of a run's id that tell it from others."""


class LiveRuns(LiveTable):
    """The rows of a workspace's newest runs."""

    polls = True

    def read(self) -> list[dict[str, Any]]:
        return [row(run) for run in newest_runs(Workspace.over(self._engine), MOST_RUNS)]

    def calls(self) -> Answers:
        return {"details": self._details}

    def _details(self, values: Any) -> dict[str, Any]:
        experiment = Experiment(Workspace.over(self._engine), str(values.get("experiment")))
        return run_view(Run(experiment, str(values.get("run"))))


def row(run: Run) -> dict[str, Any]:
    """A run as a row."""
    metrics = [f"{name} {metric_text(value)}" for name, value in run.get_metrics().items()]
    return {
        "id": run.id,
        "name": f"{run.experiment.name} {run.id[:_SHORT]}",
        "experiment": run.experiment.name,
        "status": run.get_status(),
        "metrics": visible(", ".join(metrics)),
        "started": started(run),
    }
