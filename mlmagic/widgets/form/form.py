"""The deploy form, drawn with stock ipywidgets over `FormState`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display
from traitlets import link

from mlmagic.engine.engine import Engine
from mlmagic.widgets.cards import Card, service_card
from mlmagic.widgets.form import choices, equivalent_code, fields
from mlmagic.widgets.form.fallback_card import form_card
from mlmagic.widgets.form.fields import Choice, Field
from mlmagic.widgets.form.jobs import FormJobs
from mlmagic.widgets.form.notebook import Notebook
from mlmagic.widgets.form.panes import DeployPane, EquivalentsPane, ProfilePane
from mlmagic.widgets.form.pickers import ModelPicker, ScriptPicker
from mlmagic.widgets.form.setting_fields import SettingFields
from mlmagic.widgets.form.state import LINE, FormState
from mlmagic.widgets.form.validation import ENVIRONMENT, MODELS, SCRIPT, SERVICE, TARGET, is_taken


class FormPanel(widgets.VBox):
    """A deploy form. It becomes the live card of the service that it deploys."""

    def __init__(self, engine: Engine, notebook: Notebook) -> None:
        self._notebook = notebook
        location = engine.location
        self.state = FormState(
            target=notebook.target, workspace=equivalent_code.workspace_code(location.name, location.found_by)
        )
        self.jobs = FormJobs(engine, notebook, self.state)
        self.jobs.refresh()
        for name, value in choices.beginning(self.state.available).items():
            setattr(self.state, name, value)
        self.jobs.find_advice()
        self._make_fields()
        self.settings = SettingFields(self.state)
        self.profile = ProfilePane(self.state, self.jobs, self.settings.size.take)
        self.equivalents = EquivalentsPane(self.state, notebook)
        self.deploy = DeployPane(self.state, self.jobs)
        super().__init__(
            [
                fields.heading("Deploy a service"),
                *self.fields.values(),
                fields.heading("Resources, access and behaviour"),
                self.settings.basic,
                fields.heading("Profile"),
                self.profile,
                self.settings.advanced,
                fields.heading("Equivalent code"),
                self.equivalents,
                self.deploy,
            ]
        )
        self.state.observe(self._refresh, ["available", "problems"])
        self.state.observe(lambda _change: self.jobs.find_advice(), ["models"])
        self.state.observe(lambda _change: self._in_kernel_thread(self._become_card), ["deployed"])
        self._refresh()
        self._plain: Any = None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: the calling thread draws
            self._loop = None

    def __repr__(self) -> str:
        return "deploy form (it needs a running kernel)"

    def _ipython_display_(self) -> None:
        """Show a plain card, which stays without a kernel, and the form, if there is a kernel."""
        self._plain = display(self._card(), display_id=True)
        if getattr(get_ipython(), "kernel", None) is not None:
            display(self._repr_mimebundle_(), raw=True)

    def _make_fields(self) -> None:
        state = self.state
        self.service = fields.line("Service name", "my-service")
        self.overwrite = fields.tick("Replace the service of that name, without downtime")
        self.environment = Choice("Environment", lambda chosen: setattr(state, "environment", chosen or ""))
        self.nearest = fields.tick("Accept the nearest Python and versions where they cannot be installed")
        self.target = Choice(
            "Compute target", lambda chosen: setattr(state, "target", chosen or state.target)
        )
        link((state, "service"), (self.service, "value"))
        link((state, "overwrite"), (self.overwrite, "value"))
        link((state, "nearest"), (self.nearest, "value"))
        self.fields: dict[str, Field] = {
            SERVICE: Field(self.service, below=self.overwrite),
            MODELS: ModelPicker(state),
            SCRIPT: ScriptPicker(state),
            ENVIRONMENT: Field(self.environment, below=self.nearest),
            TARGET: Field(self.target),
        }

    def _refresh(self, _change: Any = None) -> None:
        state, available = self.state, self.state.available
        self.environment.offer(choices.environments(available), state.environment)
        self.target.offer(choices.targets(available), state.target)
        for name, field in self.fields.items():
            field.show_problem(state.problems.get(name, ""))
        self.overwrite.layout.display = "" if is_taken(state.values.service, available) else "none"
        self.nearest.layout.display = "" if state.environment else "none"

    def _card(self) -> Card:
        """The plain card: the equivalent line, or the deployed service."""
        state = self.state
        if state.deployed:
            return service_card(state.record, [*state.notes, f"Deployed as: {state.texts[LINE]}"])
        return form_card("" if state.problems else state.texts[LINE])

    def _in_kernel_thread(self, call: Callable[[], None]) -> None:
        """Widgets and outputs may only be changed in the thread in which cells run."""
        if self._loop is None:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    def _become_card(self) -> None:
        self.children = [self._notebook.live_card(self.state.record)]
        if self._plain is not None and self._loop is not None:
            self._plain.update(self._card())
