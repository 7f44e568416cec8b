"""The log pane of a card: follows the newest lines, or shows all lines read; with an optional filter."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import ipywidgets as widgets

from mlmagic.widgets import html
from mlmagic.widgets.html import escape
from mlmagic.widgets.panel.state import ServiceState

FOLLOWED_LINES = 12
READ_LINES = 200
_FAILED = re.compile(r"(\[\S+\] |)run\(\) failed:")


class LogPane(widgets.VBox):
    """``read`` schedules reading the log into the model; it is called only while following."""

    def __init__(self, name: str, model: ServiceState, read: Callable[[], None]) -> None:
        self._name, self._model, self._read = name, model, read
        self._mark: Hashable = None
        self.follow = widgets.Checkbox(
            True,
            description="Follow",
            tooltip=f"Show new log lines of {name} as they arrive",
            indent=False,
            layout={"width": "auto"},
        )
        self.wanted = widgets.Text(
            description="Filter",
            placeholder="text in a line",
            tooltip=f"Show only log lines of {name} that contain this text",
        )
        self.lines = widgets.HTML()
        super().__init__([widgets.HBox([self.follow, self.wanted]), self.lines])
        model.observe(self._draw, "log")
        self.wanted.observe(self._draw, "value")
        self.follow.observe(self._follow, "value")
        self._draw()

    def look(self, mark: Hashable) -> None:
        """Read the log if ``mark`` differs from the last one, which means that the log has grown."""
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
    """The lines that contain ``wanted``, ignoring case: the last ones with ``follow``, else all."""
    lines = log.splitlines()
    if wanted.strip():
        lines = [line for line in lines if wanted.strip().casefold() in line.casefold()]
        if not lines:
            return f"None of the last {READ_LINES} lines contains {wanted.strip()!r}."
    return "\n".join(lines[-FOLLOWED_LINES:] if follow else lines)


def last_failure(lines: Iterable[str]) -> str:
    """The traceback of the last failed run(), without the request id; empty if none failed."""
    found: list[str] = []
    mark: str | None = None
    for line in lines:
        began = _FAILED.fullmatch(line)
        if began:
            found, mark = [], began[1]
        elif mark is not None and line.startswith(mark):
            found.append(line.removeprefix(mark))
    return "\n".join(found)
