"""The notebook's classes and functions that the pickle of a model needs when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlmagic.capture.script import capture
from mlmagic.core.notify import Notify
from mlmagic.engine.models.registration import names_in_pickles, names_of_notebook
from mlmagic.errors import CaptureError


def definitions_of(
    model: object, namespace: Mapping[str, object], history: Sequence[str], notify: Notify
) -> str:
    """Source of what the pickle of ``model`` needs of the notebook, and a message about it; mostly "".

    ``model`` is an object, or the path of a pickle or of a folder with pickles. A pickle holds the names of
    classes and functions, and not their source. ``namespace`` and ``history`` are the notebook's variables
    and the cells that have run.
    """
    if isinstance(model, str | Path):
        own = [name for name, value in namespace.items() if _is_own(value)]
        names = names_in_pickles(Path(model).expanduser(), own) if own else ()
    else:
        names = names_of_notebook(model)
    if not names:
        return ""
    listed = ", ".join(names)
    try:
        source = source_of(names, namespace, history)
    except CaptureError as error:
        notify(
            f"The model's pickle needs {listed} of this notebook, which cannot be captured: {error} "
            f"Move it to a .py file and import it from there, or use {names[0]} in the entry script."
        )
        return ""
    notify(f"The model's pickle needs {listed} of this notebook. The source is stored with the model.")
    return source


def source_of(names: Sequence[str], namespace: Mapping[str, object], history: Sequence[str]) -> str:
    """The captured source of ``names``, without a script around it; raises `CaptureError`."""
    cell = f"def init(): ...\ndef run(data): return ({', '.join(names)},)\n"
    script = capture("model", cell, namespace, history=history)
    local = [place for place in script.assets if place.endswith(".py")]
    if local:
        raise CaptureError(f"{', '.join(names)} uses your own file {local[0]!r}", name=names[0])
    rows = script.source.splitlines(keepends=True)[1 : script.cell_line - 1]
    return "".join(rows).strip("\n") + "\n"


def _is_own(value: object) -> bool:
    return (
        callable(value)
        and getattr(value, "__module__", None) == "__main__"
        and hasattr(value, "__qualname__")
    )
