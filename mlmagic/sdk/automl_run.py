"""`AutoMLRun`: a run whose child runs are attempts at one task."""

from __future__ import annotations

from typing import Any

from mlmagic.errors import UsageError
from mlmagic.sdk.exceptions import RunEnvironmentException, raises
from mlmagic.sdk.run import Run


@raises(RunEnvironmentException)
class AutoMLRun(Run):
    """A run whose child runs are attempts at one task; its output is the best child's."""

    def get_output(
        self, iteration: int | None = None, metric: str | None = None, **more: Any
    ) -> tuple[Run, Any]:
        """The best child run and its model, loaded from ``outputs/model.pkl``."""
        wanted = metric or self._record["properties"].get("primary_metric")
        if not wanted:
            raise UsageError(
                "no metric is given to find the best child run by",
                hint="Give metric=, or set the property primary_metric.",
            )
        best = self.get_best_child(wanted)
        import joblib

        return best, joblib.load(best.folder / "outputs" / "model.pkl")
