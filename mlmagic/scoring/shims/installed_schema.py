"""The real `inference_schema`, where it is installed: schemas are read from its registry."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import CodeType, ModuleType, TracebackType
from typing import Any

from mlmagic.scoring.http.request import BadInput

_UTIL = "inference_schema.schema_util"


class InstalledSchema:
    """The schemas that the real decorators registered for ``run``."""

    def __init__(self, run: Callable[..., Any], util: ModuleType) -> None:
        self._run = run
        self._util: Any = util

    @classmethod
    def of(cls, run: Callable[..., Any]) -> InstalledSchema | None:
        """None unless the script has imported the real package and decorated ``run`` with it."""
        util: Any = sys.modules.get(_UTIL)
        if util is None or not getattr(util, "__file__", None) or not util.is_schema_decorated(run):
            return None
        return cls(run, util)

    def optional(self) -> set[str]:
        return set()

    def describe(self) -> dict[str, Any]:
        """Return the schemas of the package, and the ``versions`` of OpenAPI that can express them."""
        return {
            "input": self._util.get_input_schema(self._run),
            "output": self._util.get_output_schema(self._run),
            "versions": self._util.get_supported_versions(self._run),
        }


def guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``run`` so that errors of its decorators become `BadInput`: they are not errors of the script."""
    code = inspect.unwrap(run).__code__
    parameters = inspect.signature(run).parameters.values()
    # The decorators need a value for each parameter, even for one with a default.
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}

    @functools.wraps(run)
    def call(**arguments: Any) -> Any:
        try:
            return run(**{**defaults, **arguments})
        except Exception as error:
            if _entered(error.__traceback__, code):
                raise
            raise BadInput(f"The input does not match its schema: {error}") from error

    return call


def _entered(frames: TracebackType | None, code: CodeType) -> bool:
    while frames is not None:
        if frames.tb_frame.f_code is code:
            return True
        frames = frames.tb_next
    return False
