"""The fields of a form's settings. Those that the chosen target does not take are hidden."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.widgets.form import fields
from mlmagic.widgets.form.fields import Choice, Field
from mlmagic.widgets.form.pickers import SizePicker
from mlmagic.widgets.form.state import FormState
from mlmagic.widgets.form.values import SETTINGS, offered

KEYS, TOKENS = "auth_enabled", "token_auth_enabled"
_ACCESS = (("No authentication", ""), ("Key", KEYS), ("Token", TOKENS))


class SettingFields:
    """A field for each setting, in two boxes: ``basic``, and ``advanced`` below a checkbox."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self.size = SizePicker(state)
        self.authentication = Choice("Authentication", self._choose_authentication)
        self.authentication.offer(_ACCESS, "")
        access = Field(self.authentication)
        self.fields: dict[str, Field] = {**self.size.fields, KEYS: access, TOKENS: access}
        self.inputs: dict[str, widgets.Widget] = {}
        for name in SETTINGS:
            if name not in self.fields:
                self.inputs[name] = self._input(name)
                self.fields[name] = Field(self.inputs[name])
        self.more = fields.tick("More settings")
        self.more.observe(self._show, "value")
        self.basic = widgets.VBox([self.size, *self._unique(advanced=False)])
        self._advanced = widgets.VBox(self._unique(advanced=True))
        self.advanced = widgets.VBox([self.more, self._advanced])
        state.observe(self._show, ["target"])
        state.observe(self._show_problems, ["problems"])
        self._choose_authentication("")
        self._show()
        self._show_problems()

    def _unique(self, *, advanced: bool) -> list[Field]:
        names = [name for name, row in SETTINGS.items() if row.advanced == advanced]
        own = [self.fields[name] for name in names if name not in self.size.fields]
        return list(dict.fromkeys(own))

    def _input(self, name: str) -> widgets.Widget:
        made = fields.setting(ARGUMENTS[name])
        made.observe(lambda change: self._state.set(**{name: change["new"]}), "value")
        return made

    def _choose_authentication(self, chosen: str) -> None:
        self._state.set(**{KEYS: chosen == KEYS, TOKENS: chosen == TOKENS})

    def _show(self, _change: Any = None) -> None:
        there = offered(self._state.target)
        for name, field in self.fields.items():
            if name not in (KEYS, TOKENS):
                field.show(name in there)
        self._advanced.layout.display = "" if self.more.value else "none"

    def _show_problems(self, _change: Any = None) -> None:
        problems = self._state.problems
        for name, field in self.fields.items():
            if name != TOKENS:
                field.show_problem(problems.get(name, ""))
        if any(name in problems and row.advanced for name, row in SETTINGS.items()):
            self.more.value = True  # problems must be visible
