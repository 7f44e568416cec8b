"""The contract of a compute target, as a suite: subclass `TargetContract` and give it your target.

Every target passes all of it. What only some have (limits, images, replicas) is tested beside it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.engine.http import probe
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget, Watchable

SCRIPTS = Path(__file__).parent / "scripts"
LONGEST_WAIT_SECONDS = 60.0


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Look until ``condition()`` is true; fail with ``what`` after a minute."""
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {LONGEST_WAIT_SECONDS:g} s for: {what}")


class TargetContract:
    """What each target must do. ``target_name`` is its entry point's."""

    target_name: ClassVar[str]
    answers: ClassVar[bool] = True
    """Whether its services can really be asked."""

    @pytest.fixture
    def target(self) -> ComputeTarget[Any]:
        return registry.load(self.target_name)

    @pytest.fixture
    def launch(self, target: ComputeTarget[Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
        """Launch a script of tests/targets/scripts; everything launched is stopped afterwards."""
        handles: list[Any] = []

        def launch(script: str = "echo.py", **changes: Any) -> tuple[ServiceSpec, Any]:
            spec = self.spec(tmp_path / f"run {len(handles)}", script, **changes)
            handles.append(target.launch(spec, lambda line: None))
            return spec, handles[-1]

        yield launch
        for handle in handles:
            target.stop(handle, grace=1.0)

    def spec(self, run_dir: Path, script: str, **changes: Any) -> ServiceSpec:
        app = run_dir / "app"
        app.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPTS / script, app / "score.py")
        values: dict[str, Any] = {
            "name": "contract",
            "revision": 1,
            "run_dir": str(run_dir),
            "entry_script": "score.py",
            "app_dir": str(app),
            "model_dir": None,
            "python": sys.executable,
            "bells_dir": str(run_dir / "bells"),
            "config": DeploymentConfig(self.target_name),
        }
        return ServiceSpec(**{**values, **changes})

    def until(self, target: ComputeTarget[Any], handle: Any, phase: Phase) -> Observation:
        return wait_for(  # type: ignore[no-any-return]
            lambda: (seen := target.observe(handle)).phase is phase and seen,
            f"{phase}, not {target.observe(handle)}",
        )

    def test_it_is_installed_under_its_name(self, target: ComputeTarget[Any]) -> None:
        assert target.name == self.target_name
        target.check()

    def test_launch_returns_before_it_is_up_and_it_comes_up(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("slow_init.py")
        assert target.observe(handle).phase in (Phase.STARTING, Phase.RUNNING)
        seen = self.until(target, handle, Phase.RUNNING)
        assert seen.url is not None
        assert seen.ready == 1
        if self.answers:
            assert probe.answers(seen.url)

    def test_the_handle_is_all_there_is_to_remember(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        packed = json.loads(json.dumps(target.pack(handle)))
        assert target.unpack(packed) == handle
        assert target.observe(target.unpack(packed)).phase is Phase.RUNNING

    def test_a_launch_that_runs_already_is_taken_over(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        first = self.until(target, handle, Phase.RUNNING)
        again = target.launch(spec, lambda line: None)
        assert target.observe(again).url == first.url
        found = target.find(spec)
        assert found is not None
        target.stop(found)
        assert target.observe(handle).ended

    def test_find_of_what_never_was_is_none(self, target: ComputeTarget[Any], tmp_path: Path) -> None:
        assert target.find(self.spec(tmp_path / "never", "echo.py")) is None

    def test_stop_ends_it_and_may_be_called_again(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        seen = self.until(target, handle, Phase.RUNNING)
        target.stop(handle)
        assert target.observe(handle).ended
        if self.answers:
            assert not probe.answers(seen.url or "")
        target.stop(handle)

    def test_stop_right_after_launch_leaves_nothing(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch("slow_init.py")
        target.stop(handle, grace=0.1)
        assert target.observe(handle).ended
        assert target.find(spec) is None

    def test_what_is_gone_is_silent(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        target.stop(handle)
        shutil.rmtree(spec.run_dir)
        assert target.observe(handle).ended
        target.stop(handle)
        assert list(target.logs(handle)) == [] or not self.answers

    def test_watching_tells_of_the_end(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        import os
        import select

        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        if not isinstance(target, Watchable):
            return
        descriptor = target.watch(handle)
        assert descriptor is not None
        assert select.select([descriptor], [], [], 0)[0] == []
        target.stop(handle)
        assert select.select([descriptor], [], [], 10)[0] == [descriptor]
        os.close(descriptor)
