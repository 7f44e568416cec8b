"""Entry scripts as people have them, with none of the packages they import installed."""

import csv
import json
import pickle
import sys
from types import ModuleType

import pytest

from mlmagic.scoring.collection.collection import close_collection
from mlmagic.scoring.script import UserScript
from tests.support.serving import SCRIPTS

pytestmark = pytest.mark.together


def load(name):
    script = UserScript.load(SCRIPTS / f"{name}.py")
    script.init()
    return script


def test_a_model_is_found_by_its_name(ask, tmp_path, monkeypatch):
    model = tmp_path / "azureml-models" / "ridge" / "3" / "ridge.json"
    model.parent.mkdir(parents=True)
    model.write_text('{"coef": 2}')
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(model.parent))
    assert json.loads(ask(load("model_path"), body=b'{"data": [1, 2]}').body) == [2, 4]


def test_data_is_collected(ask, tmp_path, monkeypatch):
    monkeypatch.setenv("AML_MODEL_DC_STORAGE_ENABLED", "true")
    monkeypatch.setenv("AML_MODEL_DC_STORAGE", str(tmp_path))
    assert json.loads(ask(load("collects"), body=b'{"data": [[1, 2], [3, 4]]}').body) == [3, 7]
    close_collection()
    inputs, predictions = (
        list(csv.DictReader(path.read_text().splitlines())) for path in sorted(tmp_path.rglob("*.csv"))
    )
    assert [(row["feat1"], row["feat2"]) for row in inputs] == [("1", "2"), ("3", "4")]
    assert [row["prediction1"] for row in predictions] == ["3"]
    assert len({row["$aml_dc_correlation_id"] for row in inputs + predictions}) == 1


def test_joblib_is_found_where_it_was(ask, tmp_path, monkeypatch):
    for name in ("sklearn", "sklearn.externals"):
        package = ModuleType(name)
        package.__path__ = []
        monkeypatch.setitem(sys.modules, name, package)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps([1, 2]))
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    try:
        assert json.loads(ask(load("old_joblib")).body) == [1, 2]
    finally:
        sys.modules.pop("sklearn.externals.joblib", None)


SCRIPT = """
from inference_schema.schema_decorators import input_schema

def init(): pass

@input_schema
def run(data, times=1):
    return data * times if data else 1 / 0
"""


@pytest.fixture
def installed(monkeypatch):
    """An `inference_schema` that is not ours: it refuses texts, as the real one does."""
    package, util, decorators = map(
        ModuleType, ("inference_schema", "inference_schema.schema_util", "inference_schema.schema_decorators")
    )

    def input_schema(function):
        def decorated(data, times=1):
            if isinstance(data, str):
                raise ValueError("no text please")
            return function(data, times)

        decorated.__wrapped__ = function
        decorated.is_decorated = True
        return decorated

    util.__file__ = "real.py"
    util.is_schema_decorated = lambda function: hasattr(function, "is_decorated")
    util.get_input_schema = lambda function: {"type": "object", "example": {"data": 1}}
    util.get_output_schema = lambda function: {"type": "integer"}
    util.get_supported_versions = lambda function: ["3.0", "3.1"]
    decorators.input_schema = input_schema
    package.__path__ = []
    for module in (package, util, decorators):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_the_installed_package_is_honoured(ask, make_script, installed, capsys):
    script = make_script(SCRIPT)

    def answer(body):
        response = ask(script, body=body, content_type=b"application/json")
        return response.status, json.loads(response.body)

    assert answer(b'{"data": 2, "times": 3}') == (200, 6)
    assert answer(b'{"data": "x"}') == (
        400,
        {"message": "The input does not match its schema: no text please"},
    )
    assert answer(b"{}") == (400, {"message": "A value is not provided for the 'data' parameter."})
    assert answer(b'{"data": 0}')[0] == 500
    assert "ZeroDivisionError" in capsys.readouterr().err
    document = json.loads(ask(script, b"/swagger.json?version=3", method=b"GET").body)
    assert document["components"]["schemas"]["ServiceOutput"] == {"type": "integer"}
    assert ask(script, b"/swagger.json?version=2", method=b"GET").status == 404
