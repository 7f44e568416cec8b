"""What must hold when processes are killed: on the local target, with real processes and kill -9."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelFilter
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import decisions, reconciler
from mlmagic.errors import InvokeError, ScriptError
from mlmagic.workspace.location import Location
from tests.support.engines import MakeEngine, script
from tests.support.processes import daemons_of, run_and_die
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

DEPLOY = """
service = engine.services.deploy("svc", [], InferenceConfig(str(scripts / "echo.py")))
engine.services.wait(service)
"""


def processes_of(engine: Engine) -> list[int]:
    """The servers that run for this workspace, whoever started them."""
    mark = str(engine.memory.services_folder)
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and mark in " ".join(process.info["cmdline"] or ()):
            found.append(process.info["pid"])
    return found


def server_pid(engine: Engine, name: str) -> int:
    service = engine.services.get(name)
    assert service.handle is not None
    seen = run_report.read_report(Path(service.handle["run_dir"]))
    assert seen is not None
    return seen.pid


def _came_back(engine: Engine, restarts: int) -> bool:
    service = engine.services.get("svc")
    return service.restarts == restarts and service.state is State.HEALTHY


def test_a_killed_kernel_leaves_the_service_serving(engine: Engine) -> None:
    run_and_die(
        engine,
        f"{DEPLOY}die()\n",
    )
    service = engine.services.list()[0]
    assert service.state is State.HEALTHY
    answer = engine.requests.score("svc", {"hello": 1})
    assert answer["said"] == {"hello": 1}
    assert answer["pid"] == server_pid(engine, "svc")
    engine.services.delete("svc")
    assert processes_of(engine) == []


def test_a_killed_service_is_back_without_being_asked(engine: Engine) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script()))
    first = server_pid(engine, "svc")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: _came_back(engine, 1), "the restart")
    assert server_pid(engine, "svc") != first
    assert engine.services.get("svc").url == service.url
    assert engine.requests.score("svc", {})["said"] == {}
    messages = [event.message for event in engine.events.list(service="svc") if event.kind is EventKind.ENDED]
    assert len(messages) == 1
    assert "SIGKILL" in messages[0]


def test_the_keeper_looks_after_services_when_no_kernel_does(make_engine: MakeEngine) -> None:
    brief = make_engine(supervise=False, use_daemon=True)
    brief.services.wait(brief.services.deploy("svc", [], script()))
    first = server_pid(brief, "svc")
    os.kill(first, signal.SIGKILL)
    wait_for(
        lambda: (s := brief.services.get("svc")).restarts == 1 and s.state is State.HEALTHY,
        "the supervisor's work",
    )
    assert server_pid(brief, "svc") != first
    brief.services.delete("svc")

    wait_for(lambda: not daemons_of(brief.location.folder), "the daemon's end, as there is nothing to do")
    assert processes_of(brief) == []


KILLED = {
    "before the launch": "LocalTarget.launch = die\n",
    "between the launch and the saving of its handle": (
        "launch = LocalTarget.launch\nLocalTarget.launch = lambda *args: die(launch(*args))\n"
    ),
    "while init() runs": "LocalTarget.observe = die\n",
}


@pytest.mark.parametrize("where", list(KILLED))
@pytest.mark.parametrize("then", ["deleted", "healthy"])
def test_a_kill_in_the_middle_of_a_deploy_is_made_good(engine: Engine, where: str, then: str) -> None:
    run_and_die(
        engine,
        f"{KILLED[where]}{DEPLOY}",
    )
    if then == "healthy":
        engine.services.wait(engine.services.list()[0])
        assert engine.requests.score("svc", 1)["said"] == 1
        wait_for(lambda: len(processes_of(engine)) == 1, f"one process alone, killed {where}")
    engine.services.delete("svc")
    # One that was started but not yet at work finds that it is not wanted, and ends by itself.
    wait_for(lambda: processes_of(engine) == [], f"no stray process, killed {where}")
    assert list(engine.memory.services_folder.iterdir()) == []


def test_a_kill_before_the_record_leaves_nothing(engine: Engine) -> None:
    run_and_die(
        engine,
        "from mlmagic.workspace import services\nservices.create = die\n"
        "engine.services.deploy('svc', [], InferenceConfig(str(scripts / 'echo.py')))\n",
    )
    engine.memory.sweep()
    assert engine.services.list() == []
    assert not engine.memory.files.has_intakes
    assert [p for p in (engine.memory.folder / "files").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "code",
    [
        "from mlmagic.workspace import files\nfiles.Intake.publish = die\n",
        "from mlmagic.workspace import models\nmodels.add = die\n",
        "from mlmagic.workspace import models\nmodels.refer = die\n",
        "import os\nos.write = die\n",
    ],
    ids=["copied", "published", "half written to the database", "half copied"],
)
def test_a_kill_in_the_middle_of_registering_leaves_nothing(
    engine: Engine, code: str, tmp_path: Path
) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(os.urandom(9_000_000))
    run_and_die(engine, f"{code}engine.models.register({str(model)!r}, ModelDescription('m'))\n")
    engine.memory.sweep()
    assert engine.models.list(ModelFilter()) == []
    assert not engine.memory.files.has_intakes
    assert [p for p in (engine.memory.folder / "files").rglob("*") if p.is_file()] == []


def test_a_service_that_was_healthy_is_never_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "restart_delay", lambda restarts: 0.0)
    engine.services.wait(engine.services.deploy("svc", [], script()))
    for restart in range(1, 9):
        os.kill(server_pid(engine, "svc"), signal.SIGKILL)
        wait_for(
            lambda n=restart: (s := engine.services.get("svc")).restarts == n and s.state is State.HEALTHY,
            f"{restart}",
        )


@pytest.mark.parametrize("number", [signal.SIGSTOP, None], ids=["stopped", "interpreter lock held"])
def test_a_service_that_hangs_is_unhealthy_and_then_ended_and_started_again(
    engine: Engine, tmp_path: Path, number: signal.Signals | None
) -> None:
    file = tmp_path / "hangs.py"
    # A regular expression that takes for ever does not give the interpreter lock back.
    file.write_text(
        "import re\n"
        "def init(): pass\n"
        "def run(data):\n"
        "    return bool(re.match('(a+)+$', 'a' * 64 + 'b')) if data == 'hang' else data\n"
    )
    config = DeploymentConfig(compute_settings={"period_seconds": 1, "failure_threshold": 3})
    engine.services.wait(engine.services.deploy("svc", [], InferenceConfig(str(file)), config))
    before = server_pid(engine, "svc")
    if number is not None:
        os.kill(before, number)
    else:
        with socket.create_connection(
            ("127.0.0.1", int(engine.services.get("svc").url.rpartition(":")[2]))
        ) as caller:
            caller.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nhang")
    wait_for(lambda: engine.services.get("svc").state is State.UNHEALTHY, "Unhealthy")
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "Healthy again", timeout=60)
    assert server_pid(engine, "svc") != before
    assert engine.requests.score("svc", "1") == "1"
    ended = [each.message for each in engine.events.list() if each.kind == EventKind.ENDED]
    assert any("it did not answer for" in message for message in ended)


def test_an_init_that_never_ends_fails_the_deploy(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text("import threading\ndef init(): threading.Event().wait()\ndef run(data): return data\n")
    config = DeploymentConfig(init_timeout_seconds=1)
    with pytest.raises(ScriptError, match=r"init\(\) took longer than 1 s"):
        engine.services.wait(engine.services.deploy("svc", [], InferenceConfig(str(file)), config))
    assert engine.services.get("svc").state is State.FAILED


def test_a_process_that_is_stopped_while_it_starts_fails_the_deploy(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "STARTING_GRACE_SECONDS", 1)
    file = tmp_path / "waits.py"
    file.write_text(
        "import os, threading\n"
        f"def init():\n    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    threading.Event().wait()\n"
        "def run(data): return data\n"
    )
    config = DeploymentConfig(init_timeout_seconds=3)
    deployed = engine.services.deploy("svc", [], InferenceConfig(str(file)), config)
    written = tmp_path / "pid"
    pid = int(wait_for(lambda: written.is_file() and written.read_text(), "init()"))
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ScriptError, match="did not start within 3 s"):
        engine.services.wait(deployed)
    assert engine.services.get("svc").state is State.FAILED
    wait_for(lambda: not psutil.pid_exists(pid), "its end")


def test_a_service_whose_run_is_stuck_each_time_is_ended_and_started_again(
    engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "deadlock.py"
    file.write_text(
        "import threading\n"
        "def init():\n"
        "    global lock\n"
        "    lock = threading.Lock()\n"
        "def run(data):\n"
        "    lock.acquire()\n"
        "    return data\n"
    )
    config = DeploymentConfig(
        scoring_timeout_ms=100, compute_settings={"period_seconds": 1, "failure_threshold": 3}
    )
    engine.services.wait(engine.services.deploy("svc", [], InferenceConfig(str(file)), config))
    before = server_pid(engine, "svc")
    assert engine.requests.score("svc", "1") == "1"
    for _ in range(3):
        with pytest.raises(InvokeError, match="timeout"):
            engine.requests.score("svc", "1")
    wait_for(lambda: engine.services.get("svc").state is State.UNHEALTHY, "Unhealthy")
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "Healthy again", timeout=60)
    assert server_pid(engine, "svc") != before
    assert engine.requests.score("svc", "1") == "1"


def test_each_workspace_has_a_keeper_of_its_own(tmp_path: Path) -> None:
    engines = [Engine(Location.of_folder(tmp_path / name), supervise=False) for name in ("one", "two")]
    for engine in engines:
        engine.services.wait(engine.services.deploy("svc", [], script()))
    for engine in engines:
        assert len(daemons_of(engine.location.folder)) == 1
        engine.services.delete("svc")
        engine.close()
