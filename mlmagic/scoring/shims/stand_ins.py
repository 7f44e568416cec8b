"""Stand-in modules: the table of them, their names, and the error for a name that is missing."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from mlmagic.scoring.shims.azureml_names import NAMES
from mlmagic.scoring.shims.exceptions import UserErrorException
from mlmagic.scoring.shims.training import ROWS, Row, rows_of
from mlmagic.scoring.shims.unavailable import NO_WORKSPACE, WITHOUT_WORKSPACE, Unavailable

_HERE = "mlmagic.scoring.shims"
_REQUEST = "aml_request: rawhttp AMLRequest"
_RESPONSE = "aml_response: AMLResponse"

MODULES = {
    "azureml.core": "models: Model; offline_run: Run; version: VERSION __version__",
    "azureml.core.model": "models: Model",
    "azureml.core.run": "offline_run: Run _OfflineRun",
    "azureml.exceptions": f"exceptions: {NAMES['azureml.exceptions']}",
    "azureml.automl.core.shared.log_server": "telemetry: enable_telemetry set_verbosity",
    "azureml.automl.core.shared.logging_utilities": "telemetry: log_traceback",
    "azureml.telemetry": "telemetry: INSTRUMENTATION_KEY set_diagnostics_collection",
    "azureml.contrib.services.aml_request": _REQUEST,
    "azureml.contrib.services.aml_response": _RESPONSE,
    "azureml.ai.monitoring": "collector: Collector CorrelationContext BasicCorrelationContext",
    "azureml.ai.monitoring.collector": "collector: Collector",
    "azureml.ai.monitoring.context": "collector: CorrelationContext BasicCorrelationContext",
    "azureml.monitoring": "collector: ModelDataCollector",
    "azureml.monitoring.modeldatacollector": "collector: ModelDataCollector",
    "azureml_inference_server_http.api.aml_request": _REQUEST,
    "azureml_inference_server_http.api.aml_response": _RESPONSE,
    "azureml_inference_server_http.log_config": "log_config: AMLLogFormatter RootAccessFilter",
    "azureml_user.parallel_run": "entry_script: EntryScript",
    "inference_schema.schema_decorators": "schema: input_schema output_schema",
    "inference_schema.schema_util": (
        "schema_util: get_input_schema get_output_schema get_supported_versions is_schema_decorated "
        "get_schemas_dict"
    ),
    "inference_schema.parameter_types.abstract_parameter_type": "types: AbstractParameterType",
    "inference_schema.parameter_types.numpy_parameter_type": "numpy_type: NumpyParameterType",
    "inference_schema.parameter_types.pandas_parameter_type": "pandas_type: PandasParameterType",
    "inference_schema.parameter_types.standard_py_parameter_type": (
        "standard_type: StandardPythonParameterType"
    ),
    "inference_schema.parameter_types.spark_parameter_type": "spark_type: SparkParameterType",
}
"""The names of each stand-in module in a service: ``module: names; module: names``."""


class StandIns:
    """The stand-in modules of a table (default: `MODULES`), of `NAMES` and of `training`.

    Using a name that is not available raises ``error``.
    """

    def __init__(
        self,
        modules: Mapping[str, str] = MODULES,
        home: str = _HERE,
        error: type[Exception] = UserErrorException,
    ) -> None:
        self._modules, self._home, self._error = modules, home, error
        named = {*modules, *NAMES, *(row.module for row in ROWS)}
        self._known = {prefix for name in named for prefix in _prefixes(name)}

    def spec_of(self, name: str) -> ModuleSpec | None:
        """Return the spec of a stand-in; None for a submodule of a real module.

        A name that a stand-in lacks raises `ModuleNotFoundError` with similar names.
        """
        if name in self._known or rows_of(name):
            loader = _StandIn(self._modules.get(name, ""), self._home, self._known, self._error)
            # Each is a package, so that `from MODULE import NAME` looks for a missing name as a submodule.
            return ModuleSpec(name, loader, is_package=True)  # type: ignore[arg-type]
        package, _, leaf = name.rpartition(".")
        parent = sys.modules.get(package)
        if parent is not None and is_stand_in(parent) and not leaf.startswith("__"):
            # The error has no attribute `name`: with it, the import statement would ignore the error.
            raise ModuleNotFoundError(_not_found(package, leaf, parent, self._known))
        return None


class _StandIn:
    """A loader that fills an empty module with the names in ``offers``: ``module: names; module: names``."""

    def __init__(self, offers: str, home: str, known: Set[str], error: type[Exception]) -> None:
        self._offers, self._home, self._known, self._error = offers, home, known, error

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        for part in filter(None, self._offers.split("; ")):
            source, _, names = part.partition(": ")
            found = importlib.import_module(source if "." in source else f"{self._home}.{source}")
            module.__doc__ = module.__doc__ or found.__doc__
            for name in names.split():
                setattr(module, name, getattr(found, name))
        rows = rows_of(module.__name__)
        for row in rows:
            for name in row.names.split():
                full = f"{module.__name__}.{name}"
                setattr(module, name, Unavailable(full, row.reason, row.instead, self._error))
        for name in NAMES.get(module.__name__, "").split():
            if not hasattr(module, name):
                full = f"{module.__name__}.{name}"
                setattr(module, name, Unavailable(full, NO_WORKSPACE, WITHOUT_WORKSPACE, self._error))
        module.__all__ = [name for name in vars(module) if not name.startswith("_")]  # type: ignore[attr-defined]
        module.__getattr__ = self._attribute_of(module, rows)  # type: ignore[method-assign]

    def _attribute_of(self, module: ModuleType, rows: Sequence[Row]) -> Callable[[str], Any]:
        def attribute(name: str) -> Any:
            """Return a submodule, or a name of a package that is not available."""
            full = f"{module.__name__}.{name}"
            if full in self._known:
                return importlib.import_module(full)
            if name.startswith("_"):
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            for row in rows:
                if not row.names:
                    return Unavailable(full, row.reason, row.instead, self._error)
            raise AttributeError(_not_found(module.__name__, name, module, self._known))

        return attribute


def is_stand_in(module: ModuleType) -> bool:
    """Whether a module is a stand-in."""
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), _StandIn)


def _prefixes(name: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c`` of ``a.b.c``."""
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _not_found(package: str, name: str, module: ModuleType, known: Set[str]) -> str:
    """Return the message for a missing name, with the module that has it or with similar names."""
    what = f"mlmagic has no {name!r} in {package}"
    others = [other for other, names in NAMES.items() if name in names.split()]
    if others:
        return f"{what}. Use: from {min(others, key=len)} import {name}"
    below = {each[len(package) + 1 :] for each in known if each.startswith(f"{package}.")}
    there = sorted({*vars(module).get("__all__", ()), *(each for each in below if "." not in each)})
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.6)
    if near:
        return f"{what}. Did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
    return f"{what}. It has: {shown}." if there else f"{what}."
