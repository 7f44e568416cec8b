"""The inputs of a form's settings: those that the chosen place has are there, the others are not."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from mlmagic.core.deployments import EVERY
from mlmagic.widgets.form import fields
from mlmagic.widgets.form.fields import Choice, Field
from mlmagic.widgets.form.pickers import SizePicker
from mlmagic.widgets.form.state import FormState
from mlmagic.widgets.form.values import ADVANCED, BASIC, offered

KEYS, TOKENS = "auth_enabled", "token_auth_enabled"
_WHO = (("anybody who reaches it", ""), ("callers with a key", KEYS), ("callers with a token", TOKENS))


class SettingFields:
    """A field for each setting, in two boxes: ``basic``, and ``advanced`` below a tick."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self.size = SizePicker(state)
        self.who = Choice("Who may ask", self._choose_who)
        self.who.offer(_WHO, "")
        access = Field(self.who)
        self.fields: dict[str, Field] = {**self.size.fields, KEYS: access, TOKENS: access}
        self.inputs: dict[str, widgets.Widget] = {}
        for name in (*BASIC, *ADVANCED):
            if name not in self.fields:
                self.inputs[name] = self._input(name)
                self.fields[name] = Field(self.inputs[name])
        self.more = fields.tick("More settings")
        self.more.observe(self._show, "value")
        self.basic = widgets.VBox([self.size, *self._unique(BASIC)])
        self._advanced = widgets.VBox([*self._unique(ADVANCED)])
        self.advanced = widgets.VBox([self.more, self._advanced])
        state.observe(self._show, ["target"])
        state.observe(self._tell, ["problems"])
        self._choose_who("")
        self._show()
        self._tell()

    def _unique(self, names: tuple[str, ...]) -> list[Field]:
        own = [self.fields[name] for name in names if name not in self.size.fields]
        return list(dict.fromkeys(own))

    def _input(self, name: str) -> widgets.Widget:
        made = fields.setting(EVERY[name])
        made.observe(lambda change: self._state.set(**{name: change["new"]}), "value")
        return made

    def _choose_who(self, chosen: str) -> None:
        self._state.set(**{KEYS: chosen == KEYS, TOKENS: chosen == TOKENS})

    def _show(self, _change: Any = None) -> None:
        there = offered(self._state.target)
        for name, field in self.fields.items():
            if name not in (KEYS, TOKENS):
                field.show(name in there)
        self._advanced.layout.display = "" if self.more.value else "none"

    def _tell(self, _change: Any = None) -> None:
        problems = self._state.problems
        for name, field in self.fields.items():
            if name != TOKENS:
                field.tell(problems.get(name, ""))
        if any(name in problems for name in ADVANCED):
            self.more.value = True  # what is wrong is to be seen
