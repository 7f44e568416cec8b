"""The session of the notebook that a call comes from."""

from __future__ import annotations

from IPython.core.getipython import get_ipython

from mlmagic.errors import UsageError
from mlmagic.magics.session import MLMagic


def session_here() -> MLMagic:
    """The session, which is begun if it was not; raises `UsageError` outside of a notebook."""
    shell = get_ipython()
    if shell is None:
        raise UsageError("this is no notebook", hint="In a script, use mlmagic.Model.deploy.")
    shell.extension_manager.load_extension("mlmagic")
    found: MLMagic = next(one for one in shell.configurables if isinstance(one, MLMagic))
    return found
