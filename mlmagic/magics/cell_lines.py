"""Tracebacks of captured scripts name the notebook's cell and its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlmagic.errors import InvokeError, ScriptError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlmagic.core.configuration import InferenceConfig
    from mlmagic.core.webservice import Revision
    from mlmagic.magics.session import MLMagic

NameCells = Callable[[str], str]
"""Returns a traceback of a script with the cell's own lines beside those of the file."""


def cells_of(session: MLMagic, revision: Revision) -> NameCells:
    """For the tracebacks of a revision. They stay as they are unless its script is the cell captured last."""
    import hashlib

    served = {file.digest for file in revision.files}
    return _cells(
        session, revision.inference, lambda source: hashlib.sha256(source.encode()).hexdigest() in served
    )


def cells_of_script(session: MLMagic, inference: InferenceConfig | None) -> NameCells:
    """For the tracebacks of a script that is not deployed yet."""
    text = inference.script_text if inference is not None else None
    return _cells(session, inference, lambda source: source == text)


def _cells(session: MLMagic, inference: InferenceConfig | None, is_its: Callable[[str], bool]) -> NameCells:
    name = inference.captured_as if inference is not None else None
    if name is not None and name in session.script_names and is_its(session.script(name).source):
        return session.script(name).with_cell_lines
    return lambda traceback: traceback


@contextmanager
def naming_cells(name_cells: NameCells) -> Iterator[None]:
    """Errors of a script that are raised inside name its cell's lines."""
    try:
        yield
    except (ScriptError, InvokeError) as error:
        error.traceback = name_cells(error.traceback)
        raise


def number_of_cell(shell: InteractiveShell, cell: str) -> int:
    """The number of the cell that is running, of which a magic got ``cell``.

    While it runs, newer versions of IPython have counted it in ``execution_count``, older ones have not.
    """
    history: list[str] = shell.history_manager.input_hist_raw
    is_kept = len(history) > 1 and history[-1].rstrip().endswith(cell.rstrip())
    return len(history) - 1 if is_kept else shell.execution_count
