"""The main job on the local target: real models, real processes, real HTTP."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvokeError, ScriptError
from mlmagic.targets import validation
from tests.support.engines import script
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


def _register(engine: Engine, folder: Path, name: str, files: list[str]) -> str:
    top = folder / name
    for file in files:
        (top / file).parent.mkdir(parents=True, exist_ok=True)
        (top / file).write_text(file)
    path = top if len(files) > 1 else top / files[0]
    return engine.models.register(path, ModelDescription(name)).id


def test_the_model_folder_of_one_model(engine: Engine, tmp_path: Path) -> None:
    _register(engine, tmp_path, "one", ["model.bin"])
    engine.services.wait(engine.services.deploy("svc", ["one"], script("lists_models")))
    answer = engine.requests.score("svc", "")
    assert answer["root"].endswith("/azureml-models/one/1")
    assert answer["files"] == ["model.bin"]
    assert answer["folder"] == "app"


def test_the_model_folder_of_a_folder_and_of_several_models(engine: Engine, tmp_path: Path) -> None:
    _register(engine, tmp_path, "one", ["model.bin"])
    _register(engine, tmp_path, "many", ["a.bin", "sub/b.bin"])
    engine.services.wait(engine.services.deploy("svc", ["many"], script("lists_models")))
    assert engine.requests.score("svc", "")["files"] == ["many/a.bin", "many/sub/b.bin"]
    engine.services.wait(engine.services.update("svc", model_names=["one:1", "many"]))
    answer = engine.requests.score("svc", "")
    assert answer["root"].endswith("/azureml-models")
    assert answer["files"] == ["many/1/many/a.bin", "many/1/many/sub/b.bin", "one/1/model.bin"]


def test_a_script_without_models_has_no_model_folder(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script()))
    assert engine.requests.score("svc", None)["model_dir"] is None


def test_a_source_directory_comes_along(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "my source"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("ANSWER = 42\n")
    (folder / "data.txt").write_text("data")
    (folder / "main").mkdir()
    (folder / "main" / "score.py").write_text(
        "import pkg\ndef init():\n    global text\n    text = open('data.txt').read()\n"
        "def run(raw):\n    return [pkg.ANSWER, text]\n"
    )
    engine.services.wait(
        engine.services.deploy("svc", [], InferenceConfig("main/score.py", source_directory=str(folder)))
    )
    (folder / "data.txt").write_text("changed afterwards")
    assert engine.requests.score("svc", "") == [42, "data"]


def test_files_are_found_under_the_name_of_their_folder_too(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "source_dir"
    folder.mkdir()
    (folder / "data.txt").write_text("data")
    (folder / "score.py").write_text(
        "places = 'data.txt', 'source_dir/data.txt', './source_dir/data.txt'\n"
        "def init(): pass\n"
        "def run(raw): return [open(place).read() for place in places]\n"
    )
    inference = InferenceConfig("score.py", source_directory=str(folder))
    engine.services.wait(engine.services.deploy("svc", [], inference))
    assert engine.requests.score("svc", "") == ["data", "data", "data"]


@pytest.mark.parametrize(
    ("name", "phase", "line"),
    [
        ("init_raises", "init", "return WEIGHTS[name]"),
        ("import_raises", "import", "import no_such_library_anywhere"),
    ],
)
def test_a_failed_deploy_tells_the_users_own_traceback(
    engine: Engine, name: str, phase: str, line: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        engine.services.wait(engine.services.deploy("svc", [], script(name)))
    assert caught.value.phase == phase
    assert line in str(caught.value)
    assert "mlmagic/scoring" not in str(caught.value)


def test_an_error_in_run_is_told_with_its_traceback(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script("run_raises")))
    with pytest.raises(InvokeError) as caught:
        engine.requests.score("svc", "x")
    assert caught.value.status == 500
    assert "ZeroDivisionError" in str(caught.value)
    assert "return 1 / 0" in str(caught.value)


def test_a_port_that_is_taken_after_all_is_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    is_free = validation.is_free
    with socket.create_server(("127.0.0.1", free_port)):
        # As if it had been taken between the check and the launch.
        monkeypatch.setattr(validation, "is_free", lambda host, port: True)
        engine.services.deploy("svc", [], script(), DeploymentConfig(port=free_port))
        wait_for(lambda: engine.services.get("svc").state is State.UNSCHEDULABLE, "Unschedulable")
        assert f"port {free_port} is in use" in engine.services.get("svc").words
        monkeypatch.setattr(validation, "is_free", is_free)
    assert engine.services.wait(engine.services.get("svc")).url == f"http://127.0.0.1:{free_port}"


def test_the_port_of_a_service_that_comes_back_is_waited_for(engine: Engine, free_port: int) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), DeploymentConfig(port=free_port)))
    engine.services.stop("svc")
    wait_for(lambda: engine.services.get("svc").state is State.STOPPED, "Stopped")
    with socket.create_server(("127.0.0.1", free_port)):
        engine.services.start("svc")
        wait_for(lambda: engine.services.get("svc").state is State.UNSCHEDULABLE, "Unschedulable")
    assert engine.services.wait(engine.services.get("svc")).url == f"http://127.0.0.1:{free_port}"


def test_updates_keep_the_address_and_lose_no_request_of_clients_that_keep_their_connection(
    engine: Engine,
) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script()))
    assert service.url is not None
    with keep_alive_clients(service.url) as tally:
        for name in ("echo", "other") * 2:
            updated = engine.services.wait(engine.services.update("svc", inference=script(name)))
    assert updated.url == service.url
    assert engine.requests.score("svc", "1") == "other"
    assert tally.lost == []
    assert tally.answered > 50
    assert tally.closed > 0


def test_logs_of_what_failed_are_kept(engine: Engine) -> None:
    with pytest.raises(ScriptError):
        engine.services.wait(engine.services.deploy("svc", [], script("init_raises")))
    assert any("KeyError" in line for line in engine.services.logs("svc"))


def test_the_events_tell_the_story(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script()))
    engine.services.wait(engine.services.update("svc", inference=script("other")))
    engine.services.delete("svc")
    assert [event.kind for event in engine.events.list(service="svc")] == [
        EventKind.DEPLOY_REQUESTED,
        EventKind.LAUNCHED,
        EventKind.STATE_CHANGED,
        EventKind.UPDATE_REQUESTED,
        EventKind.LAUNCHED,
        EventKind.STATE_CHANGED,  # Transitioning: the new one answers, the old one is ending
        EventKind.STATE_CHANGED,  # Healthy
        EventKind.DELETE_REQUESTED,
        EventKind.DELETED,
    ]
