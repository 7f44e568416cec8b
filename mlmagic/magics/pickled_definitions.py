"""The notebook's classes and functions that the pickle of a model needs when it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.errors import CaptureError
from mlmagic.magics.messages import show_message

if TYPE_CHECKING:
    from mlmagic.magics.session import MLMagic


def definitions_of(model: object, session: MLMagic) -> str:
    """Source of what the pickle of ``model`` needs of the notebook, and a message about it; mostly "".

    A pickle holds the names of classes and functions, and not their source.
    """
    from mlmagic.engine.models.registration import names_of_notebook

    names = names_of_notebook(model)
    if not names:
        return ""
    listed = ", ".join(names)
    try:
        source = source_of(names, session)
    except CaptureError as error:
        show_message(
            f"The model's pickle needs {listed} of this notebook, which cannot be captured: {error} "
            f"Move it to a .py file and import it from there, or use {names[0]} in a %%score_script cell."
        )
        return ""
    show_message(f"The model's pickle needs {listed} of this notebook. The source is stored with the model.")
    return source


def source_of(names: tuple[str, ...], session: MLMagic) -> str:
    """The captured source of ``names``, without a script around it; raises `CaptureError`."""
    from mlmagic.capture.script import capture

    cell = f"def init(): ...\ndef run(data): return ({', '.join(names)},)\n"
    script = capture("model", cell, session.namespace, history=session.history())
    local = [place for place in script.assets if place.endswith(".py")]
    if local:
        raise CaptureError(f"{', '.join(names)} uses your own file {local[0]!r}", name=names[0])
    rows = script.source.splitlines(keepends=True)[1 : script.cell_line - 1]
    return "".join(rows).strip("\n") + "\n"
