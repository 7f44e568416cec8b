"""An IPython shell for tests."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

SCRIPT = "def init():\n    pass\n\ndef run(data):\n    return data\n"


class TestingShell(InteractiveShell):
    """Raises what a cell raised, and keeps what it displayed."""

    __test__ = False
    stdout = ""

    def run_cell(self, raw_cell: str, *args: Any, **kwargs: Any) -> Any:
        with capture_output() as captured:
            result = super().run_cell(raw_cell, *args, **kwargs)
        self.stdout = captured.stdout
        self.outputs = captured.outputs
        result.raise_error()
        return result.result

    def refuses(self, cell: str, error: type[Exception], words: str) -> None:
        """Running ``cell`` raises ``error``, one line with ``words`` in it, and shows nothing."""
        with pytest.raises(error) as caught:
            self.run_cell(cell)
        assert words in str(caught.value), cell
        assert "\n" not in str(caught.value), cell
        # All that the cell prints is the error: no stack of ours.
        assert self.stdout == f"{type(caught.value).__name__}: {caught.value}\n", cell
        assert self.outputs == [], cell

    def shown(self) -> str:
        """All that the last cell displayed, as text."""
        return "\n".join(str(output.data.get("text/plain", "")) for output in self.outputs)
