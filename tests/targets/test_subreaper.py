"""The local target's contract where cgroups may not be made: a subreaper ends what a script has started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlmagic.core.webservice import Phase
from mlmagic.engine.http.client import Client
from mlmagic.scoring.report import read_report
from mlmagic.scoring.subreaper import subreaper_of
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.local import zygote
from tests.support.processes import python_without_cgroups
from tests.support.waiting import wait_for
from tests.targets.local_contract import LocalContract, title_of

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no subreapers"),
]


@pytest.fixture
def _without_cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", python_without_cgroups(tmp_path))


@pytest.fixture
def _zygote(_without_cgroups: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(zygote.SWITCH, raising=False)
    zygote.start()
    yield
    zygote.stop()


@pytest.mark.usefixtures("_without_cgroups")
class TestBelowSubreaper(LocalContract):
    """All of it, with a parent for each server."""

    def test_what_lost_its_parent_is_waited_for(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch("orphans.py")
        url = self.until(target, handle, Phase.RUNNING).url
        answer = Client().score("contract", f"{url}/score", "x")
        assert answer["exit code"] == 7  # the script's own children are left to the script
        parent = psutil.Process(subreaper_of(Path(spec.run_dir)))
        wait_for(lambda: not psutil.pid_exists(answer["orphan"]), "the end of the orphan")
        assert [child.status() for child in parent.children()] != [psutil.STATUS_ZOMBIE]

    def test_a_signal_to_the_parent_stops_the_server(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        os.kill(subreaper_of(Path(spec.run_dir)), signal.SIGTERM)
        self.until(target, handle, Phase.EXITED)
        report = read_report(spec.run_dir)
        assert report is not None
        assert report.phase == "stopped"


@pytest.mark.usefixtures("_zygote")
class TestForkedBelowSubreaper(LocalContract):
    """All of it again, with every service a fork."""

    def test_it_is_a_fork(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        parent = psutil.Process(handle.pid).parent()
        assert parent is not None
        assert title_of(parent) == "mlmagic zygote"

    def test_a_kill_is_told_as_such(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        os.kill(read_report(spec.run_dir).pid, signal.SIGKILL)  # type: ignore[union-attr]
        assert "killed" in self.until(target, handle, Phase.EXITED).words
