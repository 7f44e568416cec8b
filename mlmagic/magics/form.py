"""The deploy form in a notebook: what it is shown by, and what it knows of its session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from mlmagic.core.configuration import InferenceConfig
from mlmagic.magics.choice import choose_inference
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.here import session_here
from mlmagic.magics.objects import model_references
from mlmagic.magics.session import MLMagic
from mlmagic.magics.shown import panel_of
from mlmagic.widgets.form.form import FormPanel
from mlmagic.widgets.form.values import FormValues, ScriptKind

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.core.notify import Notify


class DeployForm(FormPanel):
    """The form that `%deploy` shows: ``mlmagic.DeployForm()`` at the end of a cell."""

    def __init__(self, session: MLMagic | None = None) -> None:
        session = session or session_here()
        super().__init__(session.engine, SessionNotebook(session))


class SessionNotebook:
    """See `mlmagic.widgets.form.notebook.Notebook`."""

    def __init__(self, session: MLMagic) -> None:
        self._session = session
        self.insert_below, self.panel = session.insert_below, partial(panel_of, session)

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

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        return requests_of(self._session, dataset.strip() or None, model_references(models), notify=notify)


def show_form(session: MLMagic) -> Any:
    """Show a form in the cell, and return it. A terminal draws none: there, what it would say."""
    form = DeployForm(session)
    display(form)
    return form


def captured_script(name: str) -> CapturedScript:
    """The script captured under ``name`` in this notebook; raises `NotFound` with those there are."""
    return session_here().script(name)
