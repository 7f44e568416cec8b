"""A notebook for deploy forms, and the page that shows one: what somebody types there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.notify import Notify
from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.widgets.form.form import FormPanel
from mlmagic.widgets.form.values import FormValues
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.engines import script
from tests.support.waiting import wait_for


class FormNotebook:
    """A notebook with one captured script."""

    target: str = "fake"
    timeout = 20.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.script_names: Sequence[str] = ["wine"]
        self.inserted: list[str] = []
        self.dataset: Any = [[1]]

    def inference(self, values: FormValues) -> InferenceConfig | None:
        return script()

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        if dataset == "nothing":
            raise UsageError("'nothing' is not defined in the notebook")
        return self.dataset

    def not_a_dataset(self, dataset: str) -> str:
        return "'unknown' is not defined in the notebook" if dataset == "unknown" else ""

    def live_card(self, service: Webservice) -> ServiceCard:
        return ServiceCard(self._engine, service)

    def insert_below(self, text: str) -> None:
        self.inserted.append(text)


def type_in(form: FormPanel, **fields: Any) -> None:
    """Change fields as the page does: it sends the whole content."""
    form.content = {**form.content, **fields}


def set_in(form: FormPanel, **settings: Any) -> None:
    """The same for settings."""
    type_in(form, settings={**form.content["settings"], **settings})


def press(form: FormPanel, verb: str, **values: Any) -> None:
    """Press a button; the job that it begins may go on."""
    assert "error" not in form.outcome(verb, values)


def wait_idle(form: FormPanel) -> None:
    """Wait until no job runs."""
    wait_for(lambda: not form.state.busy, "the end of the job")
