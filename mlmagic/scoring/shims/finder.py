"""The last finder on `sys.meta_path`: it answers the imports that no installed package has answered."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_HERE = "mlmagic.scoring.shims"
_REQUEST = "aml_request: rawhttp AMLRequest"
_RESPONSE = "aml_response: AMLResponse"

PACKAGES = {
    "azureml": "",
    "azureml.core": "models: Model",
    "azureml.contrib": "",
    "azureml.contrib.services": "",
    "azureml.ai": "",
    "azureml.ai.monitoring": "collector: Collector CorrelationContext BasicCorrelationContext",
    "azureml.monitoring": "collector: ModelDataCollector",
    "azureml_inference_server_http": "",
    "azureml_inference_server_http.api": "",
    "azureml_user": "",
    "inference_schema": "",
    "inference_schema.parameter_types": "",
}
"""What a stand-in package offers of its own, as ``module: names``."""

MODULES = {
    "azureml.core.model": "models: Model",
    "azureml.exceptions": "models: ModelNotFoundException UserErrorException WebserviceException",
    "azureml.contrib.services.aml_request": _REQUEST,
    "azureml.contrib.services.aml_response": _RESPONSE,
    "azureml_inference_server_http.api.aml_request": _REQUEST,
    "azureml_inference_server_http.api.aml_response": _RESPONSE,
    "azureml.monitoring.modeldatacollector": "collector: ModelDataCollector",
    "azureml.ai.monitoring.collector": "collector: Collector",
    "azureml.ai.monitoring.context": "collector: CorrelationContext BasicCorrelationContext",
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
"""The same for modules that are no packages."""

ALIASES = {"sklearn.externals.joblib": "joblib"}
"""Modules that live elsewhere now; their submodules are found there too, as old pickles need."""


class ShimFinder:
    """Finds what its tables list: ``PACKAGES`` and ``MODULES`` unless others are given, and `ALIASES`."""

    def __init__(
        self,
        packages: Mapping[str, str] = PACKAGES,
        modules: Mapping[str, str] = MODULES,
        home: str = _HERE,
    ) -> None:
        self._packages, self._modules, self._home = packages, modules, home

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        offers = self._packages.get(name, self._modules.get(name))
        if offers is not None:
            loader = _StandIn(offers, self._home)
            return ModuleSpec(name, loader, is_package=name in self._packages)  # type: ignore[arg-type]
        for old, new in ALIASES.items():
            if name == old or name.startswith(f"{old}."):
                return ModuleSpec(name, _Alias(new + name[len(old) :]))  # type: ignore[arg-type]
        return None


class _StandIn:
    """Loads an empty module and gives it what ``offers`` lists: ``module: names; module: names``."""

    def __init__(self, offers: str, home: str) -> None:
        self._offers, self._home = offers, home

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        for part in filter(None, self._offers.split("; ")):
            source, _, names = part.partition(": ")
            found = importlib.import_module(source if "." in source else f"{self._home}.{source}")
            module.__doc__ = module.__doc__ or found.__doc__
            for name in names.split():
                setattr(module, name, getattr(found, name))


class _Alias:
    """Loads the module ``target`` under another name."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self._target)


def is_stand_in(module: ModuleType) -> bool:
    """Whether a finder of this kind has made it."""
    return isinstance(getattr(module.__spec__, "loader", None), _StandIn)


def install() -> None:
    """Put one finder at the end of `sys.meta_path`, if there is none."""
    if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
        sys.meta_path.append(ShimFinder())
