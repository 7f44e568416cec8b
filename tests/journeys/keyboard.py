"""Somebody who has a keyboard and nothing else: cells are typed and run, controls are reached with Tab."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

MOST_STEPS = 150
"""From one control to another; a page has fewer."""
_FOCUSED = """() => {
    const element = document.activeElement;
    const label = element.getAttribute('aria-label') || element.labels?.[0]?.innerText
        || (element.matches('button, summary, [tabindex]') ? element.innerText : '') || element.title || '';
    const cells = [...document.querySelectorAll('.jp-Notebook-cell')];
    return {
        name: label.trim(),
        cell: cells.indexOf(element.closest('.jp-Notebook-cell')),
        editing: element.classList.contains('cm-content'),
        disabled: Boolean(element.disabled),
    };
}"""
EXECUTED = "() => window.jupyterapp.shell.currentWidget.model.cells.get({cell}).executionCount !== null"
IDLE = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"


class Keyboard:
    """Over a page of a Jupyter client with one notebook open, whose last cell is empty."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        """One after the other, by Playwright's names."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Into whatever has the focus, in place of what is there."""
        self.press("Control+A")
        self.page.keyboard.insert_text(text)

    def run(self, code: str) -> int:
        """Type a cell at the end of the notebook and run it; returns its number when it has ended."""
        self.to_last_cell()
        cell = self._focused()["cell"]
        self.page.keyboard.insert_text(code)
        self.press("Shift+Enter")
        self.page.wait_for_function(EXECUTED.format(cell=cell))
        self.page.wait_for_function(IDLE)
        return int(cell)

    def to_last_cell(self) -> None:
        """Into the editor of the last cell, from wherever in the notebook."""
        last = self.page.locator(".jp-Notebook-cell").count() - 1
        self._leave_editor()
        self._until(lambda here: here["cell"] == last, "ArrowDown")
        self.press("Enter")
        self._until(lambda here: here["editing"], "Tab")

    def to_cell(self, cell: int) -> None:
        """To a cell as a whole, from another cell."""
        self._leave_editor()
        here = self._focused()["cell"]
        self._until(lambda seen: seen["cell"] == cell, "ArrowUp" if cell < here else "ArrowDown")

    def to(self, name: str | re.Pattern[str]) -> None:
        """To the control of that name, going on from where one is."""
        wanted = name if isinstance(name, re.Pattern) else re.compile(re.escape(name) + r"\Z")
        self._until(lambda here: bool(wanted.match(here["name"])), "Tab")

    def tick(self, name: str) -> None:
        """Change the checkbox of that name."""
        self.to(name)
        self.press("Space")

    def leave(self) -> None:
        """Leave the field, for the next one."""
        self.press("Tab")

    def push(self, name: str | re.Pattern[str]) -> None:
        """Press the button of that name, which must be on."""
        self.to(name)
        assert not self._focused()["disabled"]
        self.press("Enter")

    def _leave_editor(self) -> None:
        self._until(lambda here: here["cell"] >= 0, "Tab")
        # From an output's control, too: Escape gives the focus back to its cell.
        self.press("Escape")
        self.page.wait_for_function("() => !document.activeElement.classList.contains('cm-content')")

    def _until(self, there: Callable[[dict[str, Any]], bool], key: str) -> None:
        seen = []
        for _ in range(MOST_STEPS):
            here = self._focused()
            if there(here):
                return
            seen.append(here["name"])
            self.press(key)
        raise AssertionError(f"not reached by {key}; seen: {list(dict.fromkeys(seen))}")

    def _focused(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(_FOCUSED)
        return found
