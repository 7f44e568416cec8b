"""Services in environments of their own, on this machine."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.environments.store import Store
from mlmagic.errors import LaunchFailed, NotFound, UsageError
from tests.support.conda import conda

pytestmark = pytest.mark.processes

SCRIPT = (
    "import os, sys\nimport six\n\ndef init():\n    pass\n\n"
    "def run(data):\n    return [six.__version__, sys.executable, sys.path, os.environ.get('GREETING')]\n"
)
SIX = conda("six=1.16.0")


def script(environment: dict[str, Any] | None = None) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT, environment=environment)


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a package index that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def test_it_is_made_for_the_first_and_there_for_the_next(engine: Engine) -> None:
    seen: list[str] = []
    service = engine.services.deploy("svc-one", [], script(SIX))
    python = engine.services.revision(service).python
    engine.services.wait(service, watching=lambda now: seen.append(now.words))
    version, executable, path, _ = engine.requests.score("svc-one", "1")
    assert (version, executable) == ("1.16.0", python)
    assert Store().key_of(python)
    # Nothing of what is installed beside the notebook is in reach.
    assert not [place for place in path if place.startswith(sys.prefix + "/")]
    assert str(Path(__file__).parents[2]) not in path
    launched = [e for e in engine.events.list(service="svc-one") if e.kind is EventKind.LAUNCHED]
    if any(words.startswith("building ") for words in seen):  # no other test has made it before
        assert "+ six==1.16.0" in launched[0].data["notes"]

    other = engine.services.wait(engine.services.deploy("svc-two", [], script(SIX)))
    assert engine.services.revision(other).python == python
    notes = next(e for e in engine.events.list(service="svc-two") if e.kind is EventKind.LAUNCHED).data[
        "notes"
    ]
    assert [note for note in notes if not note.startswith("started process")] == []


def test_the_curated_one_for_scikit_learn_has_what_azures_has(engine: Engine) -> None:
    """Each is imported and used: what installs beside each other need not run together."""
    text = (
        "import dill, joblib, json, numpy as np, pandas as pd, scipy\n"
        "from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType\n"
        "from inference_schema.schema_decorators import input_schema\n"
        "from sklearn.preprocessing import StandardScaler\nfrom sklearn_pandas import DataFrameMapper\n\n"
        "def init():\n    global mapper\n"
        "    mapper = DataFrameMapper([(['a'], StandardScaler())]).fit(pd.DataFrame({'a': [1.0, 3.0]}))\n"
        "    mapper = dill.loads(dill.dumps(mapper))\n\n"
        "@input_schema('data', NumpyParameterType(np.array([1.0])))\n"
        "def run(data):\n    return mapper.transform(pd.DataFrame({'a': data})).tolist()\n"
    )
    record = engine.environments.get("mlmagic-sklearn").record
    inference = InferenceConfig("score.py", script_text=text, environment=record)
    engine.services.wait(engine.services.deploy("svc", [], inference))
    assert engine.requests.score("svc", {"data": [2.0, 3.0]}) == [[0.0], [1.0]]


def test_what_cannot_be_made_fails_with_the_resolvers_words(engine: Engine) -> None:
    service = engine.services.wait(engine.services.deploy("svc-one", [], script()))
    engine.services.update("svc-one", inference=script(conda({"pip": ["requests==2.32.3", "idna==2.0"]})))
    with pytest.raises(LaunchFailed) as caught:
        engine.services.wait(replace(service, revision=2))
    assert "idna==2.0 (requested) and idna>=2.5 (requests==2.32.3) exclude each other" in str(caught.value)
    now = engine.services.get("svc-one")
    assert (now.state, now.serving) == (State.HEALTHY, 1)

    bad = engine.services.deploy("svc-two", [], script(conda({"pip": ["requests==2.32.3", "idna==2.0"]})))
    with pytest.raises(LaunchFailed) as caught:
        engine.services.wait(bad)
    assert "idna>=2.5  requests==2.32.3" in caught.value.log
    assert engine.services.get("svc-two").state is State.FAILED


def test_one_that_takes_long_holds_up_nobody_and_is_given_up_when_it_is_not_wanted(
    engine: Engine, deaf: str
) -> None:
    stuck = engine.services.deploy(
        "svc-stuck", [], script(conda({"pip": ["six==1.16.0", f"--index-url {deaf}"]}))
    )
    assert engine.bus.wait_until(lambda: "building" in engine.services.get("svc-stuck").words, 20)
    engine.services.wait(engine.services.deploy("svc-one", [], script()))
    assert engine.services.get("svc-stuck").state is State.TRANSITIONING
    key = Store().key_of(engine.services.revision(stuck).python)
    assert key
    with Store().lock(key, wait=False) as free:
        assert not free
    engine.services.delete("svc-stuck")
    with pytest.raises(NotFound):
        engine.services.get("svc-stuck")
    with Store().lock(key) as free:  # whoever made it has ended
        assert free
    assert not list((Store().root / ".building").glob(f"{key}-*"))


def test_it_is_made_again_where_the_cache_was_removed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLMAGIC_CACHE", str(tmp_path / "cache"))
    engine.services.wait(engine.services.deploy("svc-one", [], script(SIX)))
    stopped = engine.services.stop("svc-one")
    shutil.rmtree(tmp_path / "cache")
    engine.services.start("svc-one")
    engine.services.wait(stopped)
    assert engine.requests.score("svc-one", "1")[0] == "1.16.0"
    assert Store().evict(0) == [], "a service uses it"
    engine.services.delete("svc-one")
    assert len(Store().evict(0)) == 1


def test_a_model_is_compared_with_what_will_serve_it(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_text("x")
    details = ModelDescription("m", libraries={"six": "1.17.0", "idna": "3.1"}, python_version="3.8.1")
    model = engine.models.register(tmp_path / "m.bin", details)
    told: list[str] = []
    service = engine.services.deploy("svc-one", [model.id], script(SIX), notify=told.append)
    assert "m:1: six is 1.16.0 in the environment, and the model was stored with 1.17.0" in told
    assert [line for line in told if "Python is 3." in line and "stored with 3.8.1" in line]
    engine.services.wait(service)
    told.clear()
    engine.services.update("svc-one", model_names=[model.id], notify=told.append)
    # Now that it is built, every version is known.
    assert "m:1: idna is not installed in the environment, and the model was stored with 3.1" in told


def test_an_environment_named_beside_the_script(engine: Engine) -> None:
    engine.environments.register("mine", {**SIX, "environmentVariables": {"GREETING": "hello", "OTHER": "x"}})
    record = engine.environments.get("mine:1").record
    config = DeploymentConfig(environment_variables={"OTHER": "y"})
    engine.services.wait(engine.services.deploy("svc-one", [], script(), config, environment=record))
    assert engine.requests.score("svc-one", "1")[0::3] == ["1.16.0", "hello"]
    assert (
        engine.services.revision(engine.services.get("svc-one")).config.environment_variables["OTHER"] == "y"
    )
    # Settings and the script change, the environment stays.
    engine.services.wait(engine.services.update("svc-one", config_changes={"tags": {"a": "b"}}))
    revised = engine.services.wait(engine.services.update("svc-one", inference=script()))
    assert engine.requests.score("svc-one", "1")[0] == "1.16.0"
    assert engine.services.revision(revised).inference.environment == record


def test_a_python_that_is_not_there_is_refused_before_anything_is_recorded(engine: Engine) -> None:
    with pytest.raises(UsageError, match="On this machine are"):
        engine.services.deploy("svc-one", [], script(conda("python=3.99")))
    assert engine.services.names() == []
