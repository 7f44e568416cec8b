"""The notebook as a deploy form needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.notify import Notify
from mlmagic.core.webservice import Webservice
from mlmagic.widgets.form.values import FormValues


class Notebook(Protocol):
    """The part of the magics' session that a form uses."""

    @property
    def target(self) -> str:
        """The default compute target."""

    @property
    def timeout(self) -> float:
        """The longest time to wait for a deploy, in seconds."""

    @property
    def script_names(self) -> Sequence[str]:
        """The captured scripts, in the order of capture."""

    def inference(self, values: FormValues) -> InferenceConfig | None:
        """The script that `%deploy` would serve; None for models without a script."""

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        """The dataset that ``-d`` of `%profile` names; for an empty text, a model's sample."""

    def not_a_dataset(self, dataset: str) -> str:
        """Why the notebook has no such dataset, without evaluating it; empty if it may have."""

    def live_card(self, service: Webservice) -> Any:
        """The live card of a service."""

    def insert_below(self, text: str) -> None:
        """Insert a cell with ``text`` below the next cell that runs."""
