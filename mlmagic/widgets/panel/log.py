"""The log of a card: its last lines as they come, or all that was read; with a filter, those that have it."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from html import escape
from typing import Any

import ipywidgets as widgets

from mlmagic.widgets import html
from mlmagic.widgets.panel.state import ServiceState

FOLLOWED_LINES = 12
READ_LINES = 200
_FAILED = re.compile(r"(\[\S+\] |)run\(\) failed:")


class LogPane(widgets.VBox):
    """``read`` has the log read into the model, soon; it is asked only while somebody follows."""

    def __init__(self, name: str, model: ServiceState, read: Callable[[], None]) -> None:
        self._name, self._model, self._read = name, model, read
        self._mark: Hashable = None
        self.follow = widgets.Checkbox(
            True,
            description="Follow",
            tooltip=f"Show the last lines of {name} as they come",
            indent=False,
            layout={"width": "auto"},
        )
        self.wanted = widgets.Text(
            description="Filter",
            placeholder="only lines with this text",
            tooltip=f"Show the lines of {name} that have this text in them",
        )
        self.lines = widgets.HTML()
        super().__init__([widgets.HBox([self.follow, self.wanted]), self.lines])
        model.observe(self._draw, "log")
        self.wanted.observe(self._draw, "value")
        self.follow.observe(self._follow, "value")
        self._draw()

    def look(self, mark: Hashable) -> None:
        """There is more in the log if ``mark`` is not the one of the last time."""
        if self.follow.value and mark != self._mark:
            self._mark = mark
            self._read()

    def _follow(self, _change: Any) -> None:
        self._mark = None
        if self.follow.value:
            self._read()
        self._draw()

    def _draw(self, _change: Any = None) -> None:
        shown = shown_lines(self._model.log, self.wanted.value, follow=self.follow.value)
        attributes = f'role="log" aria-live="off" aria-label="Log of {escape(self._name)}"'
        self.lines.value = html.pre(shown, attributes) if shown else ""


def shown_lines(log: str, wanted: str, *, follow: bool) -> str:
    """The lines with ``wanted`` in them, whatever its case: the last ones, or all where nobody follows."""
    lines = log.splitlines()
    if wanted.strip():
        lines = [line for line in lines if wanted.strip().casefold() in line.casefold()]
        if not lines:
            return f"no line of the last {READ_LINES} has {wanted.strip()!r} in it"
    return "\n".join(lines[-FOLLOWED_LINES:] if follow else lines)


def last_failure(lines: Iterable[str]) -> str:
    """The traceback that run() ended with last, without the id of the request; nothing if it never did."""
    found: list[str] = []
    mark: str | None = None
    for line in lines:
        began = _FAILED.fullmatch(line)
        if began:
            found, mark = [], began[1]
        elif mark is not None and line.startswith(mark):
            found.append(line.removeprefix(mark))
    return "\n".join(found)
