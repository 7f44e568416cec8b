"""Imports of packages that are not there."""

import importlib
import logging
import sys
from types import ModuleType

import pytest

from mlmagic.scoring.shims.exceptions import UserErrorException
from mlmagic.scoring.shims.finder import PACKAGES, ShimFinder, install
from mlmagic.scoring.shims.stand_ins import MODULES
from tests.support.azureml_names import SDK_NAMES, TRAINING_NAMES


@pytest.fixture(autouse=True)
def finders(monkeypatch):
    """The finder is last for one test; what it loads is forgotten."""
    for name in [name for name in sys.modules if name.startswith("azureml")]:
        monkeypatch.delitem(sys.modules, name)
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


def test_the_packages_with_stand_ins_are_those_of_the_table():
    assert {name.partition(".")[0] for name in MODULES} == set(PACKAGES)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_stand_in_offers_what_the_table_says(name):
    module = importlib.import_module(name)
    for part in MODULES[name].split("; "):
        assert all(hasattr(module, offered) for offered in part.partition(": ")[2].split())


@pytest.mark.parametrize(("module", "name"), [*SDK_NAMES, *TRAINING_NAMES])
def test_a_script_that_imports_a_name_of_the_sdk_starts(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_a_name_that_needs_a_workspace_says_so_when_it_is_used():
    scope = {}
    exec("from azureml.core import Workspace, Run, VERSION\nimport azureml.train.automl", scope)
    exec("def connect(workspace: Workspace | None = None): pass", scope)
    with pytest.raises(
        UserErrorException, match=r"azureml\.core\.Workspace\.from_config .* has no workspace"
    ) as caught:
        scope["Workspace"].from_config()
    assert "Model.get_model_path(NAME)" in str(caught.value)
    with pytest.raises(UserErrorException, match=r"Model\.register .* has no workspace"):
        importlib.import_module("azureml.core").Model.register("workspace", "path", "name")
    assert scope["Run"].get_context().id == "OfflineRun"
    assert not isinstance(1, scope["Workspace"])


def test_the_scoring_script_that_automl_writes_starts(capsys):
    exec(
        """
import logging
from azureml.automl.core.shared import logging_utilities, log_server
from azureml.telemetry import INSTRUMENTATION_KEY
log_server.enable_telemetry(INSTRUMENTATION_KEY)
log_server.set_verbosity("INFO")
logger = logging.getLogger("azureml.automl.core.scoring_script")
try:
    open("no such model")
except Exception as e:
    logging_utilities.log_traceback(e, logger)
""",
        {},
    )
    assert logging.getLogger("azureml").level == logging.INFO


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("from azureml.core import Wrkspace", "no 'Wrkspace' in azureml.core. Did you mean 'Workspace'"),
        ("import azureml.coer", "no 'coer' in azureml. Did you mean 'core'"),
        ("from azureml.core import AksCompute", "from azureml.core.compute import AksCompute"),
        (
            "from azureml.train.hyperdrive import choise",
            "no 'choise' in azureml.train.hyperdrive. Did you mean 'choice'",
        ),
        ("import azureml.core.model.moddel", "no 'moddel' in azureml.core.model. Did you mean 'Model'"),
    ],
)
def test_a_missing_name_is_an_import_error_with_the_nearest_names(code, words):
    with pytest.raises(ImportError) as caught:
        exec(code)
    assert words in str(caught.value)


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


def test_a_function_that_scikit_learn_has_removed_is_there(monkeypatch):
    package(monkeypatch, "sklearn")
    utils = package(monkeypatch, "sklearn.utils")
    scope = {}
    exec("from sklearn.utils import tosequence", scope)
    assert scope["tosequence"]({1: 2}.items()) == [(1, 2)]
    monkeypatch.delitem(sys.modules, "sklearn.utils.tosequence")
    utils.tosequence = len  # a version that has it
    exec("from sklearn.utils import tosequence", scope)
    assert scope["tosequence"] is len


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
