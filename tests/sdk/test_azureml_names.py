"""The first cell of published notebooks: each name they import is there, or says on use why it is not."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from mlmagic.scoring.shims.unavailable import Unavailable
from mlmagic.sdk.aliases import install
from mlmagic.sdk.exceptions import UserErrorException
from tests.support.azureml_names import SDK_NAMES, TRAINING_NAMES


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The import names are there for one test."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = {name: module for name, module in sys.modules.items() if name.startswith("azureml")}
    for name in before:
        del sys.modules[name]
    install()
    yield
    for name in [name for name in sys.modules if name.startswith("azureml")]:
        del sys.modules[name]
    sys.modules.update(before)


def imported(module: str, name: str) -> Any:
    scope: dict[str, Any] = {}
    exec(f"from {module} import {name}", scope)
    return scope[name]


@pytest.mark.parametrize(("module", "name"), SDK_NAMES)
def test_what_notebooks_import_is_real(module: str, name: str) -> None:
    found = imported(module, name)
    assert not isinstance(found, Unavailable)
    assert isinstance(found, str | ModuleType) or inspect.isclass(found) or inspect.isfunction(found)


@pytest.mark.parametrize(("module", "name"), TRAINING_NAMES)
def test_what_belongs_to_training_says_why_on_use(module: str, name: str) -> None:
    found = imported(module, name)
    if isinstance(found, ModuleType):
        found = found.anything
    with pytest.raises(
        UserErrorException, match=rf"^{module}\.{name}.* is not available: mlmagic .+\. .+\.$"
    ) as caught:
        found("argument", option=1)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserErrorException, match="is not available"):
        _ = found.anything
    with pytest.raises(UserErrorException, match="is not available"):
        exec("class Mine(base): pass", {"base": found})


def test_hyperdrive_can_be_imported_with_a_star() -> None:
    scope: dict[str, Any] = {}
    exec("from azureml.train.hyperdrive import *", scope)
    with pytest.raises(UserErrorException, match="does not train them"):
        scope["RandomParameterSampling"]({"--rate": scope["choice"](1, 2)})


def test_a_missing_name_is_an_import_error_with_the_nearest_names() -> None:
    with pytest.raises(ImportError, match=r"no 'Datastor' in azureml\.core\. Did you mean 'Datastore'"):
        imported("azureml.core", "Datastor")
    with pytest.raises(ImportError, match=r"no 'pipelines' in azureml\. Did you mean 'pipeline'"):
        importlib.import_module("azureml.pipelines")
    core = importlib.import_module("azureml.core")
    assert not hasattr(core, "Datastor")
    with pytest.raises(AttributeError, match=r"Did you mean 'Datastore'"):
        _ = core.Datastor
