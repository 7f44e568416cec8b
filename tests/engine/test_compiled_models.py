"""Compiled models through the whole engine, as services on this machine: from the registration to a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import venv
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import Model, ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.memory import Memory
from tests.support.entry_scripts import inline
from tests.support.estimators import BODY, SERVES_RIDGE, expected, ridge, unusual
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = inline(SERVES_RIDGE)


def register(engine: Engine, file: Path, *, compile: bool, told: list[str] | None = None) -> Model:
    details = ModelDescription(file.stem, compile=compile)
    return engine.models.register(file, details, notify=(told if told is not None else []).append)


def deploy(
    engine: Engine,
    model: Model,
    compile: bool | None = None,
    inference: InferenceConfig | None = SCRIPT,
    told: list[str] | None = None,
) -> dict[str, Any]:
    """Deploy it as "svc"; returns its answer."""
    config, notify = DeploymentConfig(compile=compile), (told if told is not None else []).append
    recorded = engine.services.deploy("svc", [model.id], inference, config, overwrite=True, notify=notify)
    engine.services.wait(recorded)
    answer: dict[str, Any] = engine.requests.score("svc", BODY)
    return answer


def compiled(engine: Engine) -> bool:
    return bool(engine.services.get("svc").compiled)


def test_a_model_that_was_registered_so_is_served_compiled_by_an_unmodified_script(
    engine: Engine, tmp_path: Path
) -> None:
    told: list[str] = []
    file = ridge(tmp_path)
    model = register(engine, file, compile=True, told=told)
    assert model.files == engine.models.get("ridge:1").files
    assert [each.path for each in model.files] == ["ridge.pkl"]
    assert told[1].startswith("ridge: Compiled: predict (equal to 1e-12 on ")
    answer = deploy(engine, model, told=told)
    assert answer["result"] == pytest.approx(expected(file), rel=1e-12)
    assert answer["scikit-learn"] is False
    assert compiled(engine)


def test_a_deployment_compiles_what_is_not_compiled_yet_and_the_next_one_need_not(
    engine: Engine, tmp_path: Path
) -> None:
    model = register(engine, ridge(tmp_path), compile=False)
    assert deploy(engine, model)["scikit-learn"] is True
    assert not compiled(engine)
    first: list[str] = []
    assert deploy(engine, model, compile=True, told=first)["scikit-learn"] is False
    assert "Compiling ridge (ridge.pkl) to ONNX ..." in first
    again: list[str] = []
    assert deploy(engine, model, compile=True, told=again)["scikit-learn"] is False
    assert not [line for line in again if "ompil" in line]
    # Without --compile the model serves as it was registered.
    assert deploy(engine, model)["scikit-learn"] is True


def test_a_deployment_may_refuse_a_compiled_model(engine: Engine, tmp_path: Path) -> None:
    model = register(engine, ridge(tmp_path), compile=True)
    assert deploy(engine, model, compile=False)["scikit-learn"] is True
    assert not compiled(engine)


def test_models_without_a_script_are_served_compiled(engine: Engine, tmp_path: Path) -> None:
    file = ridge(tmp_path)
    model = register(engine, file, compile=True)
    assert deploy(engine, model, inference=None) == pytest.approx(expected(file), rel=1e-12)
    assert compiled(engine)


def test_what_cannot_be_compiled_is_served_as_it_is_and_says_why(engine: Engine, tmp_path: Path) -> None:
    told: list[str] = []
    model = register(engine, unusual(tmp_path), compile=True, told=told)
    (result,) = model.compiled
    assert not result.compilation.is_compiled
    assert (result.parts, result.compilation.words) == ((), f"Not compiled: {result.compilation.reason}")
    assert f"unusual: {result.compilation.words}" in told
    script = inline(SERVES_RIDGE.replace("ridge.pkl", "unusual.pkl"))
    assert deploy(engine, model, inference=script)["result"] == [3.0, 7.0]
    assert engine.services.get("svc").compiled == {"unusual:1": (result,)}
    again: list[str] = []
    deploy(engine, model, compile=True, inference=script, told=again)
    assert f"unusual: {result.compilation.words}" in again


def test_an_update_and_a_rollback_keep_what_a_revision_had(engine: Engine, tmp_path: Path) -> None:
    model = register(engine, ridge(tmp_path), compile=False)
    deploy(engine, model, compile=True)

    def after(service: Any) -> bool:
        engine.services.wait(service)
        return not engine.requests.score("svc", BODY)["scikit-learn"]

    assert after(engine.services.update("svc", config_changes={"cpu": 0.2}))
    assert after(engine.services.restart("svc"))
    assert not after(engine.services.update("svc", config_changes={"compile": False}))
    assert not compiled(engine)
    assert after(engine.services.rollback("svc").service)
    assert compiled(engine)


# Registers argv[2] in the workspace argv[1], to be compiled.
REGISTER = """
import sys
from pathlib import Path
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False, supervise=False)
engine.models.register(Path(sys.argv[2]), ModelDescription("ridge", compile=True), notify=print)
"""


def test_a_kill_in_the_middle_of_a_compile_leaves_nothing_half_done(
    engine: Engine, memory: Memory, tmp_path: Path
) -> None:
    file = ridge(tmp_path)
    register(engine, file, compile=False)
    stored = set(engine.memory.folder.glob("files/*/*"))
    folder = engine.memory.folder
    with subprocess.Popen(
        [sys.executable, "-u", "-c", REGISTER, str(folder), str(file)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Compiling ridge")
        wait_for(lambda: list(folder.glob("incoming/*/*/compiled")))
        os.killpg(process.pid, signal.SIGKILL)
    with closing(Engine(engine.location, use_daemon=False, supervise=False)) as opened:
        assert [model.id for model in opened.models.list()] == ["ridge:1"]
        assert not opened.memory.files.has_intakes
        assert set(folder.glob("files/*/*")) == stored
        assert register(opened, file, compile=True).id == "ridge:2"


def test_an_update_by_itself_says_what_the_interpreter_cannot_serve(engine: Engine, tmp_path: Path) -> None:
    python = without_onnxruntime(tmp_path / "python")
    environment = {"python": {"userManagedDependencies": True, "interpreterPath": python}}
    model = register(engine, ridge(tmp_path), compile=True)
    deploy(engine, model, inference=replace(SCRIPT, environment=environment))
    assert not compiled(engine)
    engine.follows.add("svc", "ridge")
    register(engine, ridge(tmp_path), compile=True)
    wait_for(lambda: engine.services.get("svc").models == ("ridge:2",), "the update")
    assert not compiled(engine)
    assert engine.requests.score("svc", BODY)["scikit-learn"] is True


def without_onnxruntime(folder: Path) -> str:
    """An interpreter in ``folder`` with all packages of this one but onnxruntime."""
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib"))
    into = folder / packages.relative_to(sys.prefix)
    for each in packages.iterdir():
        if not each.name.startswith("onnxruntime"):
            (into / each.name).symlink_to(each)
    return str(folder / "bin" / "python")
