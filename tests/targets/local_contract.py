"""What the local target must do beside the contract of all targets, forked or not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase
from mlmagic.engine.http.client import Client
from mlmagic.errors import InvalidConfig
from mlmagic.scoring.cgroups import members_of
from mlmagic.scoring.subreaper import subreaper_of
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.local.target import LocalHandle
from tests.support.waiting import wait_for
from tests.targets.contract import TargetContract


def title_of(process: psutil.Process) -> str:
    """What lists of processes show of it, before its command."""
    return " ".join(process.cmdline()).partition(":")[0]


class LocalContract(TargetContract):
    target_name = "local"

    def test_lists_of_processes_show_its_name(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        for pid in (handle.pid, _pid(spec)):
            assert title_of(psutil.Process(pid)) == f"mlmagic service {spec.name}"

    def test_the_scripts_own_error_is_told(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("broken_init.py")
        seen = self.until(target, handle, Phase.EXITED)
        assert seen.error is not None
        assert (seen.error["phase"], seen.error["type"]) == ("init", "KeyError")
        assert 'raise KeyError("no such weight")' in seen.error["traceback"]
        assert "mlmagic/scoring" not in seen.error["traceback"]

    def test_a_kill_is_told_as_such(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        os.kill(_pid(spec), signal.SIGKILL)
        assert "SIGKILL" in self.until(target, handle, Phase.EXITED).words

    def test_what_the_script_printed_is_in_the_log(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        wait_for(lambda: "echo is ready" in list(target.logs(handle)), "the line in the log")
        assert len(list(target.logs(handle, tail=1))) == 1

    def test_following_a_log_ends_with_the_service(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        lines = target.logs(handle, follow=True)
        assert next(lines) == "echo is ready"
        target.stop(handle)
        assert all(isinstance(line, str) for line in lines)

    def test_what_the_script_started_ends_with_it(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("forks.py")
        seen = self.until(target, handle, Phase.RUNNING)
        child = Client().score("contract", f"{seen.url}/score", "x")
        target.stop(handle)
        wait_for(lambda: _has_ended(child), "the end of the script's child")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_what_the_script_started_in_sessions_of_its_own_ends_with_it(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], number: signal.Signals
    ) -> None:
        """A program, its child, a fork, and one of which only its cgroup or the subreaper tells."""
        spec, handle = launch("detaches.py")
        seen = self.until(target, handle, Phase.RUNNING)
        assert bool(members_of(Path(spec.run_dir))) != bool(subreaper_of(Path(spec.run_dir)))
        children = Client().score("contract", f"{seen.url}/score", "x")
        assert len(children) == 4
        if number is signal.SIGKILL:
            os.kill(_pid(spec), number)
            self.until(target, handle, Phase.EXITED)
            target.launch(spec, lambda line: None)  # as the engine does
        else:
            target.stop(handle)
        wait_for(lambda: all(map(_has_ended, children)), "the end of all that the script has started")

    def test_a_port_is_free_when_its_server_is_killed_whatever_it_has_forked(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch("detaches.py")
        seen = self.until(target, handle, Phase.RUNNING)
        Client().score("contract", f"{seen.url}/score", "x")
        os.kill(_pid(spec), signal.SIGKILL)
        self.until(target, handle, Phase.EXITED)
        port = int(str(seen.url).rpartition(":")[2])
        # A fork closes the socket when it first runs, which may be after its parent's answer.
        wait_for(lambda: _refuses(port), "the port to be free")

    def test_one_that_says_that_it_has_stopped_and_does_not_end_is_killed(
        self, target: ComputeTarget[Any], tmp_path: Path
    ) -> None:
        code = (
            "import sys, time; from mlmagic.scoring.report import STOPPED, RunDirectory; "
            "held = RunDirectory.claim(sys.argv[1]); held.write(STOPPED); time.sleep(600)"
        )
        run_report.prepare(tmp_path)
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as server:
            wait_for(lambda: run_report.read_report(tmp_path), "its report")
            target.stop(LocalHandle(str(tmp_path), server.pid), grace=0.1)
            assert server.wait(10) == -signal.SIGKILL

    def test_the_port_asked_for_is_the_port(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], free_port: int
    ) -> None:
        _, handle = launch(config=DeploymentConfig("local", port=free_port))
        assert self.until(target, handle, Phase.RUNNING).url == f"http://127.0.0.1:{free_port}"

    def test_a_port_kept_from_before_is_kept_or_replaced(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], free_port: int
    ) -> None:
        _, first = launch(preferred_port=free_port)
        assert self.until(target, first, Phase.RUNNING).url == f"http://127.0.0.1:{free_port}"
        _, second = launch(preferred_port=free_port)
        assert self.until(target, second, Phase.RUNNING).url != f"http://127.0.0.1:{free_port}"
        _, third = launch(preferred_port=free_port, predecessor=first.run_dir)
        assert self.until(target, third, Phase.RUNNING).url == f"http://127.0.0.1:{free_port}"

    def test_a_taken_port_is_refused_beforehand_and_told_afterwards(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(InvalidConfig, match=f"port {port} is in use"):
                target.validate(DeploymentConfig("local", port=port))
            target.validate(DeploymentConfig("local", port=port), current_port=port)
            _, handle = launch(config=DeploymentConfig("local", port=port))
            assert f"port {port} is in use" in self.until(target, handle, Phase.EXITED).words


def _pid(spec: Any) -> int:
    seen = run_report.read_report(Path(spec.run_dir))
    assert seen is not None
    return seen.pid


def _refuses(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def _has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
