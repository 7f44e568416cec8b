"""The fields of several inputs: models, script, CPU and memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets
from traitlets import link

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.widgets import html
from mlmagic.widgets.form import choices, fields
from mlmagic.widgets.form.fields import Choice, Field
from mlmagic.widgets.form.state import FormState
from mlmagic.widgets.form.values import Script, ScriptKind, read_setting
from mlmagic.widgets.html import escape


class ModelPicker(Field):
    """A name and a version to add, and the added models with a button to remove each."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self.name = Choice("Model", self._offer_versions)
        self.version = Choice("Version")
        self.name.layout.width, self.version.layout.width = "400px", "200px"
        self.version.style.description_width = "60px"
        self.add = fields.button("Add model", self._add)
        self.chosen = widgets.HBox(layout=fields.wrapping())
        super().__init__(self.name, self.version, self.add, below=self.chosen)
        state.observe(self.refresh, ["available"])
        state.observe(self._draw, ["models"])
        self.refresh()
        self._draw()

    def refresh(self, _change: Any = None) -> None:
        """Update the options."""
        names = list(choices.versions(self._state.available.models))
        name = self.name.value if self.name.value in names else next(iter(names), None)
        self.name.offer([(each, each) for each in names], name)
        self._offer_versions(name)

    def _offer_versions(self, name: str | None) -> None:
        found = choices.versions(self._state.available.models).get(name or "", [])
        self.version.offer(found, found[0][1] if found else None)
        self.add.disabled = not found

    def _add(self) -> None:
        model = f"{self.name.value}:{self.version.value}"
        if model not in self._state.models:
            self._state.models = [*self._state.models, model]

    def _remove(self, model: str) -> None:
        self._state.models = [each for each in self._state.models if each != model]

    def _draw(self, _change: Any = None) -> None:
        models = self._state.models
        names = escape(", ".join(models) or "none")
        self.chosen.children = (
            widgets.HTML(f'<div role="status" style="{html.FONT}">Models to serve: {names}</div>'),
            *(fields.button(f"Remove {each}", partial(self._remove, each)) for each in models),
        )


class ScriptPicker(Field):
    """A captured script, a script file with its folder, or none."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self.kind = Choice("Script", self._choose)
        self.file = fields.line("Script file", "score.py")
        self.folder = fields.line("Source folder", "empty: only the file")
        self._of_file = widgets.VBox([self.file, self.folder])
        super().__init__(self.kind, below=self._of_file)
        link((state, "script_file"), (self.file, "value"))
        link((state, "script_folder"), (self.folder, "value"))
        state.observe(self.refresh, ["available", "script"])
        self.refresh()

    def refresh(self, _change: Any = None) -> None:
        """Update the options."""
        script: Script = self._state.script
        self.kind.offer(choices.scripts(self._state.available), script)
        self._of_file.layout.display = "" if script.kind is ScriptKind.FILE else "none"

    def _choose(self, chosen: Script | None) -> None:
        if chosen is not None:
            self._state.script = chosen


class SizePicker(widgets.VBox):
    """CPU and memory: a preset, a profile's recommendation, or other values."""

    def __init__(self, state: FormState) -> None:
        self._state = state
        self.size = Choice("CPU and memory", self._choose)
        self.cpu, self.memory = (fields.setting(ARGUMENTS[name]) for name in ("cpu_cores", "memory_gb"))
        self.fields = {"cpu_cores": Field(self.cpu), "memory_gb": Field(self.memory)}
        super().__init__([self.size, *self.fields.values()])
        for box in (self.cpu, self.memory):
            box.observe(self._typed, "value")
        state.observe(self.refresh, ["advice"])
        self.refresh()

    def take(self, size: tuple[float, float]) -> None:
        """Set CPU cores and gigabytes."""
        self.cpu.value, self.memory.value = map(fields.number_text, size)

    def refresh(self, _change: Any = None) -> None:
        """Update the options; the values stay."""
        options = choices.sizes(self._state.advice)
        typed = tuple(
            read_setting(ARGUMENTS[name], box.value)
            for name, box in (("cpu_cores", self.cpu), ("memory_gb", self.memory))
        )
        known = typed in [value for _, value in options]
        self.size.offer(options, typed if known else choices.AS_TYPED)

    def _choose(self, size: Any) -> None:
        if size:
            self.take(size)

    def _typed(self, _change: Any) -> None:
        self._state.set(cpu_cores=self.cpu.value, memory_gb=self.memory.value)
        self.refresh()
