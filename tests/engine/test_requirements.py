"""The packages that a service needs where its environment names none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import joblib
import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind
from mlmagic.engine.requirements import ModelNeeds, completed, decided, unknown
from mlmagic.engine.scripts.script_imports import ScriptImports, imports_of
from mlmagic.errors import UsageError
from tests.support.engines import MakeEngine

pytestmark = pytest.mark.together

LOADS = """
import os
import joblib

def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "iris.pkl"))

def run(data): return model.predict(data).tolist()
"""
INSTALLED = {
    "sklearn": "scikit-learn==1.9.1",
    "xgboost": "xgboost==3.2.0",
    "onnxruntime": "onnxruntime==1.32.0",
    "joblib": "joblib==1.6.0",
    "azureml": "azureml-core==1.61.0",
    "yaml": "PyYAML==6.0",
}
PICKLE = ModelNeeds(
    "iris:1", "ScikitLearn", frozenset({"sklearn.linear_model._ridge", "__main__", "collections"})
)
WRAPPED = ModelNeeds("trees:1", "XGBoost", frozenset({"xgboost.sklearn", "sklearn"}))
ONNX = ModelNeeds("net:1", "Onnx")
LOGGED = ModelNeeds("logged:1", "MLflow", libraries=("scikit-learn==1.7.0",))
NOT_HERE = ModelNeeds("trees:2", "LightGBM", frozenset({"lightgbm.basic"}))
UNREAD = ModelNeeds("odd:1", None, unread=("odd.pkl",))


def pins(modules: Iterable[str]) -> list[str]:
    return sorted({INSTALLED[top] for name in modules if (top := name.partition(".")[0]) in INSTALLED})


@pytest.mark.parametrize(
    ("script", "modules", "models", "lines"),
    [
        ((), (), [], []),
        ((), ("os", "joblib"), [PICKLE], ["joblib==1.6.0", "scikit-learn==1.9.1"]),
        ((), (), [WRAPPED], ["scikit-learn==1.9.1", "xgboost==3.2.0"]),
        ((), (), [ONNX], ["onnxruntime==1.32.0"]),
        ((), (), [LOGGED], ["PyYAML==6.0", "scikit-learn==1.7.0"]),  # as it was logged
        ((), (), [PICKLE, LOGGED], ["joblib==1.6.0", "PyYAML==6.0", "scikit-learn==1.7.0"]),
        (
            ("Scikit_Learn==1.8",),
            ("sklearn",),
            [PICKLE],
            ["joblib==1.6.0", "Scikit_Learn==1.8"],
        ),  # as the script pins it
        ((), ("azureml.core", "mlmagic.scoring"), [], []),  # the server stands in for it
        (("azureml-core==1.61.0", "extra==1"), (), [], ["extra==1"]),
    ],
)
def test_what_is_needed(
    script: tuple[str, ...], modules: tuple[str, ...], models: list[ModelNeeds], lines: list[str]
) -> None:
    assert list(decided(script, modules, models, pins)) == lines


@pytest.mark.parametrize(
    ("required", "own", "models", "lines", "words"),
    [
        ({"os", "joblib", "azureml", "mlmagic"}, (), [PICKLE], ["x==1"], []),
        ({"torch"}, (), [], [], ["the entry script imports 'torch', which is not installed here"]),
        ({"helpers"}, {"helpers"}, [], [], []),
        (
            (),
            (),
            [NOT_HERE],
            [],
            ["the pickle of model trees:2 names 'lightgbm', which is not installed here"],
        ),
        ((), {"lightgbm"}, [NOT_HERE], [], []),
        ((), (), [UNREAD], [], ["the pickle 'odd.pkl' of model odd:1 cannot be read"]),
        (
            *((), (), [UNREAD], ["joblib==1.6.0", "numpy==2.4.6"]),
            ["the pickle 'odd.pkl' of model odd:1 cannot be read"],
        ),
        ((), (), [UNREAD], ["scikit-learn==1.9.1"], []),  # what the script imports will be it
        ((), (), [ModelNeeds("net:2", "PyTorch")], ["onnxruntime==1"], []),
        (
            *((), (), [ModelNeeds("net:2", "PyTorch")], []),
            ["model net:2 is a PyTorch model and needs 'torch', which is not installed here"],
        ),
        ((), (), [ModelNeeds("own:1", None, frozenset({"mine.models"}), own=frozenset({"mine"}))], [], []),
    ],
)
def test_what_cannot_be_known(
    required: Iterable[str], own: Iterable[str], models: list[ModelNeeds], lines: list[str], words: list[str]
) -> None:
    script = ScriptImports((), frozenset(required), frozenset(own))
    assert unknown(script, models, lines, INSTALLED.__contains__) == words


def test_the_imports_of_a_script_and_of_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("import numpy, parts.one\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.py").write_text("from scipy import stats\nimport helpers\n")
    (tmp_path / "aside.py").write_text("import pandas\n")
    text = "import os, helpers\ntry:\n    import torch\nexcept ImportError: pass\ndef run(): import sklearn\n"
    found = imports_of(text, [tmp_path])
    assert found.required == {"os"}
    assert found.own == {"helpers", "parts"}
    assert {name.partition(".")[0] for name in found.modules} == {"os", "torch", "numpy", "scipy", "sklearn"}


def test_a_pickle_that_was_registered_as_a_file_brings_its_libraries(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    from sklearn.linear_model import Ridge

    joblib.dump(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path / "iris.pkl", compress=3)
    (tmp_path / "score.py").write_text(LOADS)
    engine = make_engine()
    model = engine.models.register(tmp_path / "iris.pkl", ModelDescription("iris")).id
    for environment in (None, {"name": "variables", "environmentVariables": {"A": "b"}}):
        script = InferenceConfig(str(tmp_path / "score.py"), environment=environment)
        made = engine.packages.create([model], script, kind=PackageKind.FOLDER)
        lines = (Path(made.location) / "requirements.txt").read_text().splitlines()
        assert {line.partition("==")[0] for line in lines} >= {"joblib", "numpy", "scikit-learn", "scipy"}
        assert all("==" in line for line in lines)


def test_packages_that_nobody_knows_are_refused_with_the_ways_out(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "odd.pkl").write_bytes(b"\x80\x02cno_such_package_at_all\nThing\n.")
    engine = make_engine()
    model = engine.models.register(tmp_path / "odd.pkl", ModelDescription("odd")).id
    script = InferenceConfig("score.py", script_text=LOADS)
    with pytest.raises(UsageError, match="names 'no_such_package_at_all', which is not installed") as refused:
        engine.packages.create([model], script, kind=PackageKind.ZIP)
    assert "with pip" in str(refused.value)
    assert "with -e NAME" in str(refused.value)
    assert "give --source-directory DIR" in str(refused.value)
    assert engine.packages.list() == []
    # Here it is served by this interpreter, which shows the error of the import itself.
    engine.services.deploy("local", [model], script, DeploymentConfig("fake"))
    # An environment with packages decides alone.
    packages = {"python": {"condaDependencies": {"dependencies": [{"pip": ["no-such-package"]}]}}}
    named = InferenceConfig("score.py", script_text=LOADS, environment=packages)
    engine.packages.create([model], named, kind=PackageKind.AZUREML_V2, nearest=True)


@pytest.mark.parametrize(
    ("needs", "is_completed"),
    [
        (EnvironmentNeeds(), False),  # this interpreter has them
        (EnvironmentNeeds(variables={"A": "b"}), False),
        (EnvironmentNeeds(python="3.12"), True),
        (EnvironmentNeeds(python="3.12", pip_packages=("six",)), False),
        (EnvironmentNeeds(python="3.12", conda_packages=("six",)), False),
        (EnvironmentNeeds(python="3.12", base_image="theirs"), False),
        (EnvironmentNeeds(user_managed=True), False),
    ],
)
def test_an_environment_with_a_python_and_no_packages_gets_them(
    make_engine: MakeEngine, needs: EnvironmentNeeds, is_completed: bool
) -> None:
    script = InferenceConfig("score.py", script_text=LOADS)
    found = completed(needs, script, [], make_engine().memory.files)
    assert [line.partition("==")[0] for line in found.pip_packages if "six" not in line] == (
        ["joblib"] if is_completed else []
    )
