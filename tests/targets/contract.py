"""The contract of a compute target, as a suite: subclass `TargetContract` and give it your target.

Every target passes all of it. A capability that a target claims must work; one that it does not claim must be
refused with `NotSupported`. What only one target has (ports, limits) is tested beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.engine.http import probe
from mlmagic.engine.http.client import Client
from mlmagic.errors import BuildFailed, LaunchFailed, NotSupported
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.capabilities import METHODS
from tests.support.waiting import wait_for

SCRIPTS = Path(__file__).parent / "scripts"


@contextlib.contextmanager
def refused_unless(claimed: bool) -> Iterator[None]:
    """The block must succeed if the capability is claimed; otherwise its first call must be refused."""
    if claimed:
        yield
        return
    with pytest.raises(NotSupported, match=r"target '.+' cannot "):
        yield


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

    @pytest.fixture(scope="class")
    @classmethod
    def _shared(cls) -> Iterator[list[tuple[ComputeTarget[Any], Any]]]:
        made: list[tuple[ComputeTarget[Any], Any]] = []
        yield made
        for target, handle in made:
            target.stop(handle, grace=1.0)

    @pytest.fixture
    def served(
        self,
        target: ComputeTarget[Any],
        _shared: list[tuple[ComputeTarget[Any], Any]],
        tmp_path_factory: pytest.TempPathFactory,
    ) -> tuple[ComputeTarget[Any], Any]:
        """A target and the handle of a service that runs: one for all tests that change nothing."""
        if not _shared:
            folder = tmp_path_factory.mktemp("served") / "run"
            spec = self.spec(folder, "echo.py", config=self.config_of_served())
            _shared.append((target, target.launch(spec, lambda line: None)))
        self.until(*_shared[0], Phase.RUNNING)
        return _shared[0]

    def config_of_served(self) -> DeploymentConfig:
        return DeploymentConfig(self.target_name)

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
            "wakeup_dir": str(run_dir / "bells"),
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

    def test_the_handle_is_all_there_is_to_remember(self, served: tuple[ComputeTarget[Any], Any]) -> None:
        target, handle = served
        packed = json.loads(json.dumps(target.pack(handle)))
        assert target.unpack(packed) == handle
        self.until(target, target.unpack(packed), Phase.RUNNING)

    def test_a_launch_that_runs_already_is_taken_over(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        first = self.until(target, handle, Phase.RUNNING)
        again = target.launch(spec, lambda line: None)
        assert self.until(target, again, Phase.RUNNING).url == first.url
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
        assert list(target.logs(handle)) == []

    def test_halt_ends_it_and_it_can_be_started_again(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        target.halt(handle)
        assert target.observe(handle).ended
        again = target.launch(spec, lambda line: None)
        self.until(target, again, Phase.RUNNING)
        target.stop(again)

    # -- capabilities ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("capability", METHODS)
    def test_it_overrides_what_it_claims_and_nothing_else(
        self, target: ComputeTarget[Any], capability: str
    ) -> None:
        for method in METHODS[capability]:
            is_overridden = getattr(type(target), method) is not getattr(ComputeTarget, method)
            assert is_overridden == getattr(target.capabilities, capability), method

    def test_an_interpreter_is_run_or_ignored(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        if target.capabilities.runs_interpreter:
            with pytest.raises(LaunchFailed, match="/no/such/python"):
                launch(python="/no/such/python")
        else:
            _, handle = launch(python="/no/such/python")
            self.until(target, handle, Phase.RUNNING)

    def test_an_image_is_built_once(self, target: ComputeTarget[Any], tmp_path: Path) -> None:
        spec = self.spec(tmp_path / "image", "slow_init.py")
        with refused_unless(target.capabilities.builds_images):
            assert target.missing_image(spec)
            lines: list[str] = []
            target.build_image(spec, lines.append, threading.Event())
            assert lines
            assert target.missing_image(spec) is None
            target.stop(target.launch(spec, lambda line: None), grace=0.1)

    def test_a_build_that_is_cancelled_builds_nothing(
        self, target: ComputeTarget[Any], tmp_path: Path
    ) -> None:
        spec = self.spec(tmp_path / "image", "slow_init.py", name="cancelled")
        cancelled = threading.Event()
        cancelled.set()
        error = BuildFailed if target.capabilities.builds_images else NotSupported
        with pytest.raises(error):
            target.build_image(spec, lambda line: None, cancelled)

    def test_use_is_measured(self, served: tuple[ComputeTarget[Any], Any]) -> None:
        target, handle = served
        with refused_unless(target.capabilities.measures):
            used = target.usage(handle)
            assert used.memory_bytes > 0 or not self.answers
        with refused_unless(target.capabilities.measures):
            assert target.limited_by(DeploymentConfig(self.target_name))

    def test_replicas_are_added(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        can = target.capabilities.scales
        _, handle = launch(config=DeploymentConfig(self.target_name, num_replicas=2 if can else None))
        seen = self.until(target, handle, Phase.RUNNING)
        assert seen.ready == (2 if can else 1), "it runs when all do"
        assert target.scales_in_place(handle) == can
        with refused_unless(can):
            for count in (3, 1, 1):
                target.scale(handle, count)
                wait_for(lambda: target.observe(handle).ready == count, f"{count} replicas")  # noqa: B023
        if self.answers:
            assert probe.answers(seen.url or "")

    def test_one_replica_is_more_on_request_or_stays_one(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        with refused_unless(target.capabilities.scales):
            target.scale(handle, 2)
            wanted = 2 if target.scales_in_place(handle) else 1
            wait_for(lambda: target.observe(handle).ready == wanted, f"{wanted} replicas")

    def test_a_script_is_reloaded(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        spec, handle = launch(config=DeploymentConfig(self.target_name, live=True))
        url = self.until(target, handle, Phase.RUNNING).url
        Path(spec.app_dir, "score.py").write_text("def init(): ...\ndef run(raw_data):\n    return 42\n")
        with refused_unless(target.capabilities.reloads):
            assert "init" in target.reload(handle)
            if self.answers:
                assert Client().score("contract", f"{url}/score", "x") == 42

    def test_the_end_is_signalled(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        with refused_unless(target.capabilities.watches):
            descriptor = target.watch(handle)
            assert descriptor is not None
            assert select.select([descriptor], [], [], 0)[0] == []
            target.stop(handle)
            assert select.select([descriptor], [], [], 10)[0] == [descriptor]
            os.close(descriptor)

    def test_keys_are_delivered(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        keys = tmp_path / "keys.json"
        keys.write_text('{"primary": "' + "a" * 32 + '"}')
        _, handle = launch(keys_file=str(keys))
        self.until(target, handle, Phase.RUNNING)
        with refused_unless(target.capabilities.delivers_keys):
            target.deliver_keys(handle, str(keys))
            self.until(target, handle, Phase.RUNNING)

    def test_a_router_forwards_to_a_version(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        if not target.capabilities.routes:
            return
        _, version = launch()
        url = self.until(target, version, Phase.RUNNING).url
        routes = tmp_path / "routes.json"
        blue = {"name": "blue", "url": url, "percent": 100}
        routes.write_text(json.dumps({"default": "blue", "versions": [blue]}))
        _, router = launch(routes_file=str(routes))
        uri = f"{self.until(target, router, Phase.RUNNING).url}/score"
        if self.answers:
            assert Client().score("contract", uri, "x") == "x"
        green = {"name": "green", "url": None, "percent": 0}
        routes.write_text(json.dumps({"default": "blue", "versions": [blue, green]}))
        with refused_unless(target.capabilities.delivers_routes):
            assert target.network_of(router) == target.network_of(version) == target.network_of(None)
            target.deliver_routes(router, str(routes))
            overview = uri.replace("/score", "/versions")
            wait_for(lambda: "green" in Client().read("contract", overview), "the routes", timeout=120)

    def test_recorded_requests_are_read(self, target: ComputeTarget[Any], launch: Callable[..., Any]) -> None:
        _, handle = launch(config=DeploymentConfig(self.target_name, recorded_requests=10))
        url = self.until(target, handle, Phase.RUNNING).url
        if self.answers:
            Client().score("contract", f"{url}/score", "recorded")
        with refused_unless(target.capabilities.records_traffic):
            wait_for(lambda: b"recorded" in b"".join(target.traffic(handle)), "the request in the record")

    def test_packages_are_listed(self, served: tuple[ComputeTarget[Any], Any]) -> None:
        target, handle = served
        with refused_unless(target.capabilities.lists_packages):
            assert {"python", "orjson"} <= set(target.packages(handle)) or not self.answers

    def test_a_log_has_a_size_that_grows_with_it(self, served: tuple[ComputeTarget[Any], Any]) -> None:
        target, handle = served
        wait_for(lambda: list(target.logs(handle)), "a line")
        with refused_unless(target.capabilities.sizes_logs):
            before = target.log_size(handle)
            assert before > 0
            assert target.log_size(handle) >= before

    def test_the_lines_of_a_log_have_times(self, served: tuple[ComputeTarget[Any], Any]) -> None:
        target, handle = served
        wait_for(lambda: list(target.logs(handle)), "a line")
        with refused_unless(target.capabilities.times_logs):
            found = list(target.timed_logs(handle, tail=5))
            assert [line.text for line in found] == list(target.logs(handle, tail=5))
            times = [line.time for line in found if line.time is not None]
            assert times == sorted(times)
            assert 0 <= time.time() - times[-1] < 600

    def test_what_it_claims_answers_for_what_is_gone(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        keys, routes = tmp_path / "keys.json", tmp_path / "routes.json"
        keys.write_text("{}")
        routes.write_text('{"default": "blue", "versions": [{"name": "blue", "url": null, "percent": 100}]}')
        spec, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        target.stop(handle)
        shutil.rmtree(spec.run_dir)
        can = target.capabilities
        with refused_unless(can.measures):
            assert target.usage(handle) == Usage()
        with refused_unless(can.watches):
            assert target.watch(handle) is None
        with refused_unless(can.delivers_keys):
            target.deliver_keys(handle, str(keys))
        with refused_unless(can.delivers_routes):
            target.deliver_routes(handle, str(routes))
        with refused_unless(can.records_traffic):
            assert list(target.traffic(handle)) == []
        with refused_unless(can.lists_packages):
            assert target.packages(handle) == {}
        with refused_unless(can.sizes_logs):
            assert target.log_size(handle) == 0
