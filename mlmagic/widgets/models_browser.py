"""The model browser: filter models, show their versions and the services that use them, edit tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from mlmagic.core.events import Event
from mlmagic.core.model import Model, ModelFilter, parse_labels
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.widgets import cards, html
from mlmagic.widgets.background import Work
from mlmagic.widgets.controls import offer

ALL = "all models"
Users = Mapping[str, Sequence[str]]
"""By model id, the names of the services that use it."""
Row = tuple[Model, Sequence[str]]
"""A version and its table row."""


class ModelsBrowser(widgets.VBox):
    """A live table of the model versions that match ``wanted``; `close_browser` stops its updates."""

    def __init__(self, engine: Engine, wanted: ModelFilter | None = None) -> None:
        self._engine, self._wanted = engine, wanted
        self._models: Sequence[Model] = ()
        self._users: Users = {}
        self.work = Work()
        self.filter = widgets.Text(
            description="Filter",
            placeholder="name, tag, framework or service",
            tooltip="Show only model versions whose row contains this text",
        )
        self.name = widgets.Dropdown(
            description="Model", options=(ALL,), tooltip="Show the versions of this model"
        )
        self.rows = widgets.HTML()
        self.version = widgets.Dropdown(description="Version", tooltip="The model version to tag")
        self.tag = widgets.Text(
            description="Tag",
            placeholder="KEY=VALUE",
            tooltip="The tag to add (KEY=VALUE), or the key of the tag to remove",
        )
        narrow = {"width": "auto"}
        self.add = widgets.Button(description="Add tag", tooltip="Add the tag to the version", layout=narrow)
        self.remove = widgets.Button(
            description="Remove tag", tooltip="Remove the tag from the version", layout=narrow
        )
        self.told = widgets.HTML()
        tagging = widgets.HBox(
            [self.version, self.tag, self.add, self.remove], layout={"flex_flow": "row wrap"}
        )
        super().__init__([widgets.HBox([self.filter, self.name]), self.rows, tagging, self.told])
        for control in (self.filter, self.name):
            control.observe(self._draw, "value")
        self.add.on_click(lambda _button: self._change("Adding a tag", with_tag))
        self.remove.on_click(lambda _button: self._change("Removing a tag", without_tag))
        self.work.observe(self._tell, ["doing", "told"])
        self._leave: Callable[[], None] = engine.bus.subscribe(self._hear)
        self._read()

    def close_browser(self) -> None:
        """Stop the updates; the last content stays."""
        self._leave()

    def __repr__(self) -> str:
        return "models: browser (it needs a running kernel)"

    def _hear(self, news: Sequence[Event]) -> None:
        """Called in the event bus's thread; any event may have added or removed a version or its user."""
        self._read() if news else self._draw()

    def _read(self) -> None:
        self._models, self._users = self._engine.models.with_users(self._wanted)
        offer(self.name, (ALL, *dict.fromkeys(model.name for model in self._models)))
        self._draw()

    def _draw(self, _change: Any = None) -> None:
        name = None if self.name.value in (ALL, None) else self.name.value
        rows = [(model, cards.model_row(model, self._users.get(model.id, ()))) for model in self._models]
        shown = chosen(rows, self.filter.value, name)
        self.rows.value = html.table(
            cards.MODEL_HEADINGS,
            [[cards.cell(value) for value in row] for _, row in shown],
            cards.models_caption([model for model, _ in shown]),
        )
        offer(self.version, [model.id for model, _ in shown])
        self._enable()

    def _enable(self) -> None:
        self.add.disabled = self.remove.disabled = bool(self.work.doing) or self.version.value is None

    def _tell(self, _change: Any) -> None:
        self.told.value = html.told(self.work.told)
        self._enable()

    def _change(self, doing: str, changed: Callable[[Mapping[str, str], str], Mapping[str, str]]) -> None:
        model_id, text = self.version.value, self.tag.value

        def job() -> str:
            tags = self._engine.models.get(model_id).tags
            self._engine.models.change(model_id, tags=changed(tags, text))
            self.tag.value = ""
            return f"Changed the tags of {model_id}."

        self.work.run(doing, job)


def chosen(rows: Sequence[Row], wanted: str, name: str | None) -> list[Row]:
    """The rows of the model ``name`` (None: any) that contain ``wanted``, ignoring case."""
    words = wanted.strip().casefold()
    return [
        (model, row)
        for model, row in rows
        if name in (None, model.name) and words in "\n".join(row).casefold()
    ]


def with_tag(tags: Mapping[str, str], text: str) -> Mapping[str, str]:
    """The tags with ``KEY=VALUE``; raises `InvalidConfig` for what is none."""
    return {**tags, **parse_labels("tag", [text.strip()])}


def without_tag(tags: Mapping[str, str], text: str) -> Mapping[str, str]:
    """The tags without the one that ``KEY`` or ``KEY=VALUE`` names; raises `UsageError` if there is none."""
    key = text.strip().partition("=")[0]
    if key not in tags:
        raise UsageError(f"Tag not found: {key!r}.", hint=f"Tags: {', '.join(tags) or 'none'}.")
    return {name: value for name, value in tags.items() if name != key}
