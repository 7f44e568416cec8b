"""mlmagic: from a notebook cell to a live, typed, monitored web service.

``%load_ext mlmagic`` adds the magics. Importing the package imports none of its rooms; each public
name is brought in the first time it is used, so that the scoring server and a fresh kernel stay light.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Threads of ours that have something to say would say it in whichever cell ran last. Who wants to hear it
# adds a handler to the logger "mlmagic".
logging.getLogger("mlmagic").addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_PUBLIC = {
    "Workspace": "mlmagic.sdk.workspace",
    "Model": "mlmagic.sdk.model",
    "Webservice": "mlmagic.sdk.webservice",
    "DeployForm": "mlmagic.magics.form",
    "captured_script": "mlmagic.magics.form",
    "Engine": "mlmagic.engine.engine",
    "MLMagicError": "mlmagic.errors",
    "batched": "mlmagic.scoring",
}

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'mlmagic' has no attribute {name!r}")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext mlmagic``."""
    from mlmagic.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext mlmagic``."""
    from mlmagic.magics.extension import unload

    unload(shell)
