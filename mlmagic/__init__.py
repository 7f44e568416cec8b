"""mlmagic: from a notebook cell to a live, typed, monitored web service.

``%load_ext mlmagic`` adds the magics. Importing the package imports almost nothing; a public name is
imported the first time it is used, so that the scoring server and a new kernel start fast. No module of the
package imports this one: it stands above them all.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlmagic._version import __version__

# Without a handler, messages of background threads would appear in whichever cell ran last. To read them,
# add a handler to the logger "mlmagic".
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
