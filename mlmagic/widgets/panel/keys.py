"""The pane with the keys of a service. Only this pane contains them, and only while it is open."""

from __future__ import annotations

import ipywidgets as widgets

from mlmagic.engine.engine import Engine
from mlmagic.errors import MLMagicError
from mlmagic.widgets import html
from mlmagic.widgets.html import escape


class KeysPane(widgets.HTML):
    """Empty until `reveal`. Saved notebooks may contain widget values, so `conceal` clears the keys."""

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__()
        self._engine, self._name = engine, name

    def reveal(self) -> None:
        """Show both current keys, or why there are none."""
        try:
            primary, secondary = self._engine.keys.get(self._name)
        except MLMagicError as error:
            self.value = html.told(str(error))
            return
        rows = [
            [which, f'<code style="{html.MONO}">{escape(key)}</code>']
            for which, key in (("Primary", primary), ("Secondary", secondary))
        ]
        self.value = html.table(["Key", "Value"], rows, f"Keys of {self._name}")

    def conceal(self) -> None:
        """Clear the pane."""
        self.value = ""
