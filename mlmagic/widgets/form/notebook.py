"""What a deploy form needs of the notebook that it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.notify import Notify
from mlmagic.core.webservice import Webservice
from mlmagic.widgets.form.values import FormValues


class Notebook(Protocol):
    """The session that the magics share, as far as a form knows it."""

    @property
    def target(self) -> str:
        """Where services run when nothing is said."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for a deploy."""

    @property
    def script_names(self) -> Sequence[str]:
        """The captured scripts, the last one last."""

    def inference(self, values: FormValues) -> InferenceConfig | None:
        """The script to serve, as `%deploy` chooses it; None for models without one."""

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        """What ``-d`` of `%profile` means; for an empty text, a model's sample. Raises `UsageError`."""

    def panel(self, service: Webservice) -> Any:
        """The live card of a service."""

    def insert_below(self, text: str) -> None:
        """Have a cell with ``text`` come below the next cell that is run."""
