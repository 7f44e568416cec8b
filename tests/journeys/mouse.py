"""Somebody who points and clicks: the keyboard is only for what must be typed."""

from __future__ import annotations

import re
from typing import Any

from tests.journeys.keyboard import EXECUTED, IDLE

RUN = "notebook:run-cell-and-select-next"
"""The command of the button in the notebook's toolbar."""


class Mouse:
    """Over a page of a Jupyter client with one notebook open, whose last cell is empty."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self._cell = page.locator(".jp-Notebook")

    def type(self, text: str) -> None:
        """Into whatever has the focus, in place of what is there."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def run(self, code: str) -> int:
        """Type a cell at the end of the notebook and run it; returns its number when it has ended."""
        cells = self.page.locator(".jp-Notebook-cell")
        cell = int(cells.count()) - 1
        cells.nth(cell).locator(".cm-content").click()
        self.page.keyboard.insert_text(code)
        self._push_run()
        self.page.wait_for_function(EXECUTED.format(cell=cell))
        self.page.wait_for_function(IDLE)
        self.to_cell(cell)
        return cell

    def _push_run(self) -> None:
        """Push the button that runs a cell; for want of room JupyterLab has it behind "More commands"."""
        run = self.page.locator(f".jp-Toolbar-item [data-command='{RUN}']").locator("visible=true")
        more = self.page.locator(".jp-NotebookPanel-toolbar .jp-Toolbar-responsive-opener")
        run.or_(more.locator("visible=true")).first.wait_for()
        if not run.count():
            more.click()
        run.first.click()

    def to_cell(self, cell: int) -> None:
        """What is pressed next is in the output of this cell."""
        self._cell = self.page.locator(".jp-Notebook-cell").nth(cell)

    def to(self, name: str) -> None:
        """Click into the field of that name."""
        self._cell.get_by_label(name, exact=True).click()

    def leave(self) -> None:
        """Leave the field, for another cell: Jupyter keeps the focus after a click into the same one."""
        self.page.locator(".jp-Notebook-cell .jp-InputPrompt").first.click()

    def push(self, name: str) -> None:
        """Press the button, or open the part, of that name."""
        button = self._cell.get_by_role("button", name=name, exact=True).locator("visible=true")
        part = self._cell.locator("summary", has_text=re.compile(rf"^{re.escape(name)}")).locator(
            "visible=true"
        )
        either = button.or_(part).first
        either.wait_for()
        (button.first if button.count() else either).click()
