"""Imports of packages that are not there."""

import importlib
import sys
from types import ModuleType

import pytest

from mlmagic.scoring.shims.finder import MODULES, PACKAGES, ShimFinder, install


@pytest.fixture(autouse=True)
def finders(monkeypatch):
    """The finder is last for one test; what it loads is forgotten."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    install()
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("azureml", "inference_schema", "sklearn.externals.joblib")):
            del sys.modules[name]


def package(monkeypatch, name):
    module = ModuleType(name)
    module.__path__ = []
    monkeypatch.setitem(sys.modules, name, module)
    return module


def test_it_is_last_and_installed_once():
    install()
    assert [type(each) for each in sys.meta_path].count(ShimFinder) == 1
    assert isinstance(sys.meta_path[-1], ShimFinder)


@pytest.mark.parametrize("name", sorted(PACKAGES) + sorted(MODULES))
def test_every_stand_in_offers_what_the_table_says(name):
    module = importlib.import_module(name)
    names = {**PACKAGES, **MODULES}[name].partition(": ")[2].split()
    assert all(hasattr(module, offered) for offered in names)
    assert hasattr(module, "__path__") == (name in PACKAGES)


def test_other_names_are_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"azureml\.train"):
        importlib.import_module("azureml.train")
    with pytest.raises(ImportError, match="Workspace"):
        exec("from azureml.core import Workspace")


def test_an_installed_package_wins(tmp_path, monkeypatch):
    real = tmp_path / "azureml" / "core"
    real.mkdir(parents=True)
    (real / "model.py").write_text("Model = 'the real one'")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "azureml"]:
        monkeypatch.delitem(sys.modules, name)
    assert importlib.import_module("azureml.core.model").Model == "the real one"
    # What it lacks is still stood in for.
    assert importlib.import_module("azureml.contrib.services.aml_request").rawhttp


def test_old_names_of_joblib_are_joblib(monkeypatch):
    import joblib

    package(monkeypatch, "sklearn")
    package(monkeypatch, "sklearn.externals")
    scope = {}
    exec(
        "from sklearn.externals import joblib\nimport sklearn.externals.joblib.numpy_pickle as pickles", scope
    )
    assert scope["joblib"] is joblib
    assert scope["pickles"] is joblib.numpy_pickle
    assert joblib.__spec__.name == "joblib"


def test_without_sklearn_there_is_no_old_joblib(monkeypatch):
    for name in ("sklearn.externals", "sklearn.externals.joblib"):  # another test may have loaded them
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("sklearn.externals.joblib")


def test_nothing_is_loaded_before_it_is_asked_for():
    before = {name for name in sys.modules if name.startswith("azureml")}
    assert ShimFinder().find_spec("azureml.core") is not None
    assert {name for name in sys.modules if name.startswith("azureml")} == before
