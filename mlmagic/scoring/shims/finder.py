"""The last finder on `sys.meta_path`: it imports stand-ins for modules that no installed package has.

The table of stand-ins is loaded when the first one is imported (`mlmagic.scoring.shims.stand_ins`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mlmagic.scoring.shims.stand_ins import StandIns

PACKAGES = ("azureml", "azureml_inference_server_http", "azureml_user", "inference_schema")
"""The packages that have stand-ins."""

ALIASES = {"sklearn.externals.joblib": "joblib"}
"""Modules that were moved, and where they are now. Old pickles need their submodules too."""


def tosequence(x: Any) -> Sequence[Any]:
    """Convert ``x`` to a sequence."""
    return x if isinstance(x, Sequence) else list(x)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"sklearn.utils.tosequence": tosequence}
"""Functions that were removed from a package. Python looks for a module if a package lacks an imported name.

sklearn-pandas imports this function, which scikit-learn 1.7 has removed.
"""


class ShimFinder:
    """Finds the stand-ins for modules of `PACKAGES`, `ALIASES` and `FUNCTIONS`."""

    def __init__(self) -> None:
        self._stand_ins: StandIns | None = None

    def stand_ins(self) -> StandIns:
        """Return the stand-ins; called once, at the first import of one."""
        from mlmagic.scoring.shims.stand_ins import StandIns

        return StandIns()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a stand-in or an alias; None for other names."""
        if name.partition(".")[0] in PACKAGES:
            if self._stand_ins is None:
                self._stand_ins = self.stand_ins()
            return self._stand_ins.spec_of(name)
        if name in FUNCTIONS:
            return ModuleSpec(name, _Function())  # type: ignore[arg-type]
        for old, new in ALIASES.items():
            if name == old or name.startswith(f"{old}."):
                return ModuleSpec(name, _Alias(new + name[len(old) :]))  # type: ignore[arg-type]
        return None


class _Alias:
    """A loader that imports the module ``target`` under another name."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self._target)


class _Function:
    """A loader that returns a function of `FUNCTIONS` instead of a module."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = cast("ModuleType", FUNCTIONS[module.__name__])


def install() -> None:
    """Append the finder to `sys.meta_path`, once."""
    if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
        sys.meta_path.append(ShimFinder())
