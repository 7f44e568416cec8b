"""The zygote: the local target's contract holds for forked services too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase
from mlmagic.engine.http.client import Client
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.local import zygote
from mlmagic.targets.server_files import lay_out_server
from tests.support.waiting import wait_for
from tests.targets.local_contract import LocalContract, title_of

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no zygote"),
]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[zygote.Zygote]:
    monkeypatch.delenv(zygote.SWITCH, raising=False)
    zygote.start()
    started = zygote.current()
    assert started is not None
    yield started
    zygote.stop()


@pytest.fixture
def _running(running: zygote.Zygote) -> None:
    return


@pytest.mark.usefixtures("_running")
class TestForked(LocalContract):
    """All of it again, with every service a fork."""

    def test_it_is_a_fork(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch("echo.py")
        self.until(target, handle, Phase.RUNNING)
        parent = psutil.Process(handle.pid).parent()
        assert parent is not None
        assert title_of(parent) == "mlmagic zygote"
        assert next(target.logs(handle)) == "echo is ready"

    def test_another_interpreter_is_no_fork(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        lay_out_server(tmp_path / "server")
        (tmp_path / "other").symlink_to(sys.prefix)
        python = tmp_path / "other" / "bin" / Path(sys.executable).name
        _, handle = launch("echo.py", python=str(python), server_path=str(tmp_path / "server"))
        self.until(target, handle, Phase.RUNNING)
        assert f": {python} -m " in " ".join(psutil.Process(handle.pid).cmdline())
        assert "an interpreter of its own" in next(target.logs(handle))

    def test_a_kill_is_told_as_such(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        os.kill(handle.pid, 9)
        assert "killed" in self.until(target, handle, Phase.EXITED).words

    def test_each_has_an_environment_and_chance_of_its_own(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        answers = []
        for number in range(2):
            config = DeploymentConfig("local", environment_variables={"NUMBER": str(number)})
            _, handle = launch("chance.py", config=config, modules=("numpy",))
            seen = self.until(target, handle, Phase.RUNNING)
            answers.append(Client().score("contract", f"{seen.url}/score", "x"))
        assert [answer["number"] for answer in answers] == ["0", "1"]
        assert answers[0]["python"] != answers[1]["python"]
        assert answers[0]["numpy"] != answers[1]["numpy"]

    def test_it_has_imported_what_only_some_servers_import(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("has_telemetry.py")
        seen = self.until(target, handle, Phase.RUNNING)
        assert Client().score("contract", f"{seen.url}/score", "x") is True

    def test_where_it_may_not_be_used_the_log_says_why(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        config = DeploymentConfig("local", environment_variables={"OMP_NUM_THREADS": "1"})
        _, handle = launch("echo.py", config=config)
        self.until(target, handle, Phase.RUNNING)
        assert "mlmagic.scoring" in psutil.Process(handle.pid).cmdline()
        assert "variables that libraries read when they are imported" in next(target.logs(handle))

    def test_a_library_that_starts_threads_is_not_forked(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("echo.py", modules=("tests.targets.scripts.threaded",))
        self.until(target, handle, Phase.RUNNING)
        assert "mlmagic.scoring" in psutil.Process(handle.pid).cmdline()
        assert "a library has started threads (meddler)" in next(target.logs(handle))

    def test_services_outlive_it(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        zygote.stop()
        assert target.observe(handle).phase is Phase.RUNNING
        _, second = launch()
        self.until(target, second, Phase.RUNNING)


def test_it_ends_with_its_launcher(tmp_path: Path) -> None:
    code = (
        "import os\nfrom mlmagic.targets.local import zygote\nzygote.start()\n"
        "print(zygote.current()._process.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != zygote.SWITCH}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    pid = int(done.stdout)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", "its end")


def test_one_that_is_stopped_costs_less_than_a_second(running: zygote.Zygote, tmp_path: Path) -> None:
    os.kill(running._process.pid, signal.SIGSTOP)
    with pytest.raises(zygote.Refused, match="it was stopped by a signal"):
        running.spawn(sys.executable, [], [], dict(os.environ), str(tmp_path), tmp_path / "log")
    wait_for(lambda: not running.usable, "its end")


def test_it_is_replaced_when_packages_change(running: zygote.Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_package_state", lambda: (1.0,))
    replaced = zygote.current()
    assert replaced is not None
    assert replaced is not running
    assert replaced is zygote.current()


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(zygote.SWITCH, "0")
    zygote.start()
    assert zygote.current() is None
