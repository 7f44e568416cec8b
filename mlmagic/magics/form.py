"""The deploy form in a notebook, and its view of the session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from mlmagic.core.configuration import InferenceConfig
from mlmagic.magics.datasets import not_a_dataset, requests_of
from mlmagic.magics.live_widgets import live_card_of
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.script_selection import choose_inference
from mlmagic.magics.session import MLMagic, current_session
from mlmagic.widgets.form.form import FormPanel
from mlmagic.widgets.form.values import FormValues, ScriptKind

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.core.notify import Notify


class DeployForm(FormPanel):
    """The form that `%deploy` shows: ``mlmagic.DeployForm()`` at the end of a cell."""

    def __init__(self, session: MLMagic | None = None) -> None:
        session = session or current_session()
        super().__init__(session.engine, SessionNotebook(session))


class SessionNotebook:
    """The session as a form needs it: see `mlmagic.widgets.form.notebook.Notebook`."""

    def __init__(self, session: MLMagic) -> None:
        self._session = session
        self.insert_below, self.live_card = session.insert_below, partial(live_card_of, session)

    @property
    def target(self) -> str:
        return str(self._session.target)

    @property
    def timeout(self) -> float:
        return float(self._session.timeout)

    @property
    def script_names(self) -> Sequence[str]:
        return self._session.script_names

    def inference(self, values: FormValues) -> InferenceConfig | None:
        script = values.script
        of_file = script.kind is ScriptKind.FILE
        return choose_inference(
            self._session,
            values.service,
            model_references(values.models),
            script=script.name if script.kind is ScriptKind.CAPTURED else None,
            entry_script=script.name if of_file else None,
            source_directory=(script.folder or None) if of_file else None,
            no_code=script.kind is ScriptKind.NONE,
        )[0]

    def not_a_dataset(self, dataset: str) -> str:
        return not_a_dataset(dataset, self._session.namespace)

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        return requests_of(self._session, dataset.strip() or None, model_references(models), notify=notify)


def show_form(session: MLMagic) -> Any:
    """Show a form in the cell and return it; a terminal shows the equivalent line."""
    form = DeployForm(session)
    display(form)
    return form


def captured_script(name: str) -> CapturedScript:
    """The script captured as ``name`` in this notebook. Raises `NotFound` with the names of all."""
    return current_session().script(name)
