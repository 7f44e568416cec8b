from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase
from mlmagic.engine.http.client import Caller, Client
from mlmagic.errors import BuildFailed, InvalidConfig, LaunchFailed, TargetUnavailable
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.docker.connection import Address, current
from mlmagic.targets.docker.engine import Engine
from tests.support.certificates import write_certificate
from tests.support.docker_engine import DockerEngine
from tests.support.waiting import wait_for
from tests.targets.contract import TargetContract

pytestmark = pytest.mark.processes


@pytest.mark.usefixtures("docker")
class TestDocker(TargetContract):
    target_name = "docker"

    def score(self, target: ComputeTarget[Any], handle: Any, data: Any = "x") -> Any:
        seen = self.until(target, handle, Phase.RUNNING)
        return Client().score("contract", f"{seen.url}/score", data)

    def test_its_limits_hold_inside_and_nothing_more_is_allowed(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        config = DeploymentConfig(
            "docker",
            cpu=0.5,
            memory_gb=0.25,
            environment_variables={"COLOUR": "red"},
            scoring_timeout_ms=7000,
        )
        _, handle = launch("inside.py", config=config)
        inside = self.score(target, handle)
        assert int(inside["memory"]) == 1 << 28
        assert inside["cpu"].split()[0] == "50000"
        assert inside["uid"] == 10001
        assert (inside["root"], inside["app"], inside["tmp"]) == ("OSError", "PermissionError", "written")
        assert not inside["pip"]
        assert inside["variables"] == {
            "COLOUR": "red",
            "SERVICE_NAME": "contract",
            "SCORING_TIMEOUT_MS": "7000",
        }

    def test_out_of_memory_is_told_with_the_name_of_the_limit(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("inside.py", config=DeploymentConfig("docker", memory_gb=0.25))
        with pytest.raises(Exception):  # noqa: B017 -- however the connection ends
            self.score(target, handle, "eat")
        seen = self.until(target, handle, Phase.EXITED)
        assert seen.words == "out of memory: the service needs more than its limit memory_gb=0.25 (256 MiB)"
        assert seen.error is not None
        assert "memory_gb" in seen.error["hint"]

    def test_the_scripts_own_error_is_told(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch("broken_init.py")
        seen = self.until(target, handle, Phase.EXITED)
        assert seen.error is not None
        assert (seen.error["phase"], seen.error["type"]) == ("init", "KeyError")
        assert 'raise KeyError("no such weight")' in seen.error["traceback"]
        assert any("no such weight" in line for line in target.logs(handle))

    def test_following_a_log_ends_with_the_service(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        lines = target.logs(handle, follow=True)
        assert next(lines) == "echo is ready"
        target.stop(handle)
        assert all(isinstance(line, str) for line in lines)

    def test_the_port_asked_for_is_the_port_and_a_taken_one_is_told(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], free_port: int
    ) -> None:
        _, handle = launch(config=DeploymentConfig("docker", port=free_port))
        assert self.until(target, handle, Phase.RUNNING).url == f"http://127.0.0.1:{free_port}"
        config = DeploymentConfig("docker", port=free_port)
        with pytest.raises(InvalidConfig, match=f"port {free_port} is in use"):
            target.validate(config)
        target.validate(config, current_port=free_port)
        with pytest.raises(LaunchFailed, match=f"port {free_port} is in use"):
            launch(config=config)

    def test_a_revision_takes_the_port_over_and_leaves_nothing_when_it_ends(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], docker: DockerEngine
    ) -> None:
        first_spec, first = launch(name="handed-over")
        url = self.until(target, first, Phase.RUNNING).url
        _, second = launch("inside.py", name="handed-over", predecessor=first_spec.run_dir, revision=2)
        assert self.until(target, second, Phase.RUNNING).url == url
        target.stop(first)
        assert self.score(target, second)["uid"] == 10001
        target.stop(second)
        label = "label=mlmagic.service=handed-over"
        assert docker.docker("ps", "--all", "--quiet", "--filter", label) == ""
        assert docker.docker("volume", "ls", "--quiet", "--filter", label) == ""
        assert docker.docker("image", "ls", "--quiet", "--filter", label) == ""

    def test_the_port_from_before_is_kept_or_replaced(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], free_port: int
    ) -> None:
        _, first = launch(preferred_port=free_port)
        assert self.until(target, first, Phase.RUNNING).url == f"http://127.0.0.1:{free_port}"
        _, second = launch(preferred_port=free_port)
        assert self.until(target, second, Phase.RUNNING).url != f"http://127.0.0.1:{free_port}"

    def test_a_killed_one_is_told_and_comes_back_at_its_port(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], docker: DockerEngine
    ) -> None:
        spec, handle = launch()
        url = self.until(target, handle, Phase.RUNNING).url
        docker.docker("kill", handle.container)
        assert "SIGKILL" in self.until(target, handle, Phase.EXITED).words
        assert target.find(spec) is None
        again = target.launch(spec, lambda line: None)
        assert self.until(target, again, Phase.RUNNING).url == url

    def test_when_its_port_is_lost_it_comes_back_at_the_same(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], docker: DockerEngine
    ) -> None:
        spec, handle = launch()
        url = self.until(target, handle, Phase.RUNNING).url
        docker.docker("kill", handle.proxy)
        assert "the port" in self.until(target, handle, Phase.EXITED).words
        port = int(str(url).rpartition(":")[2])
        again = target.launch(dataclasses.replace(spec, preferred_port=port), lambda line: None)
        assert self.until(target, again, Phase.RUNNING).url == url

    def test_what_a_killed_launch_has_left_is_found_to_be_stopped(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], docker: DockerEngine
    ) -> None:
        spec, handle = launch()
        docker.docker("rm", "--force", "--volumes", handle.container)  # as if it had never been made
        found = target.find(spec)
        assert found is not None
        assert target.observe(found).ended
        target.stop(found)
        assert docker.docker("ps", "--all", "--quiet", "--filter", f"name={handle.proxy}") == ""

    def test_it_speaks_tls_and_asks_for_keys_which_change(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        cert, key, keys = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "keys.json"
        write_certificate(cert, key, "localhost")
        keys.write_text('{"primary": "' + "a" * 32 + '"}')
        config = DeploymentConfig(
            "docker", auth_enabled=True, ssl_cert_pem_file=str(cert), ssl_key_pem_file=str(key)
        )
        _, handle = launch(config=config, keys_file=str(keys))
        url = self.until(target, handle, Phase.RUNNING).url
        assert url is not None
        assert url.startswith("https://127.0.0.1:")
        uri = f"{url}/score".replace("127.0.0.1", "localhost")
        assert Client().score("s", uri, "x", Caller("a" * 32, str(cert))) == "x"
        keys.write_text('{"primary": "' + "b" * 32 + '"}')
        target.deliver_keys(handle, str(keys))
        assert Client().score("s", uri, "x", Caller("b" * 32, str(cert))) == "x"

    def test_a_script_is_taken_on_without_a_build(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        spec, handle = launch(config=DeploymentConfig("docker", live=True))
        assert self.score(target, handle) == "x"
        Path(spec.app_dir, "score.py").write_text("def init(): ...\ndef run(raw_data):\n    return 42\n")
        assert "init" in target.reload(handle)
        assert self.score(target, handle) == 42

    def test_a_build_tells_its_steps_and_of_a_failing_one_its_last_lines(
        self, target: ComputeTarget[Any], tmp_path: Path
    ) -> None:
        spec = dataclasses.replace(
            self.spec(tmp_path / "run", "echo.py"), requirements=("no-such-distribution-of-mlmagic==1",)
        )
        assert target.missing_image(spec)
        lines: list[str] = []
        with pytest.raises(BuildFailed, match="the environment image cannot be built") as failed:
            target.launch(spec, lines.append)
        assert "no-such-distribution-of-mlmagic was not found in the package registry" in failed.value.log
        assert "\x1b" not in failed.value.log
        assert any(line.startswith("Step ") for line in lines)
        assert target.find(spec) is None

    def test_models_lie_where_the_documents_say(
        self, target: ComputeTarget[Any], tmp_path: Path, launch: Callable[..., Any]
    ) -> None:
        folder = tmp_path / "run 0" / "azureml-models" / "wine" / "3"
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"\0")
        _, handle = launch("inside.py", model_dir=str(folder))
        assert self.score(target, handle)["model"] == "/var/azureml-models/wine/3"

    @pytest.mark.parametrize(
        ("environment", "words"),
        [
            (
                {"python": {"condaDependencies": {"dependencies": ["python=3.8"]}}},
                "python '3.8' is older than 3.11",
            ),
            ({"docker": {"buildContext": {"location": "/no/such"}}}, "/no/such"),
        ],
    )
    def test_what_no_image_can_be_is_refused(
        self, target: ComputeTarget[Any], tmp_path: Path, environment: Mapping[str, Any], words: str
    ) -> None:
        spec = dataclasses.replace(self.spec(tmp_path / "run", "echo.py"), environment=environment)
        with pytest.raises(Exception, match=words):
            target.launch(spec, lambda line: None)

    def test_a_dockerfile_of_the_users_and_more_steps(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], docker: DockerEngine
    ) -> None:
        environment = {
            "python": {"userManagedDependencies": True},
            "docker": {
                "baseDockerfile": "FROM mlmagic-tests-python:3.11\nRUN echo theirs > /theirs\n",
                "extraDockerFileSteps": "RUN echo more > /more",
            },
        }
        _, handle = launch("echo.py", environment=environment)
        assert self.score(target, handle) == "x"
        said = docker.docker("exec", handle.container, "cat", "/theirs", "/more")
        assert said.split() == ["theirs", "more"]

    def test_a_base_without_bytecode_gets_it_and_processes_share_what_is_imported(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        # As in the official images of Python.
        removed = "find /usr/lib/python3* -name __pycache__ -prune -exec rm -r {} +"
        environment = {
            "python": {"userManagedDependencies": True},
            "docker": {"baseDockerfile": f"FROM mlmagic-tests-python:3.11\nRUN {removed}\n"},
        }
        config = DeploymentConfig("docker", environment_variables={"WORKER_COUNT": "2"})
        _, handle = launch("bytecode.py", environment=environment, config=config, modules=("wave",))
        answer = self.score(target, handle)
        assert answer["missing"] == []
        assert answer["found"] > 50
        assert (answer["preloaded"], answer["workers"]) == (True, "2")


def test_the_context_that_is_chosen_is_honoured_and_kept_in_the_handle(
    docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    docker.docker("context", "create", "elsewhere", "--docker", f"host={docker.host}")
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    (tmp_path / "config/config.json").write_text("{}")
    monkeypatch.delenv("DOCKER_HOST")
    assert current() == Address(docker.host, "elsewhere")
    registry.load("docker").check()
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(TargetUnavailable, match="Docker has no context 'nowhere'"):
        registry.load("docker").check()


def test_no_engine_is_one_line_that_offers_another_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(TargetUnavailable) as refused:
        registry.load("docker").check()
    assert str(refused.value).count("\n") == 0
    assert "nobody.sock" in str(refused.value)
    assert "--target local" in str(refused.value)


@pytest.mark.usefixtures("docker")
def test_a_cancelled_build_ends_at_once_though_its_step_is_silent(tmp_path: Path) -> None:
    """The engine is told, too: it ends the container of the step."""
    engine = Engine.current()
    environment = {
        "python": {"userManagedDependencies": True},
        "docker": {"baseDockerfile": "FROM mlmagic-tests-python:3.11\nRUN echo slow-step && sleep 600\n"},
    }
    spec = TestDocker().spec(tmp_path / "run", "echo.py", environment=environment)
    before = {each["Id"] for each in engine.api.containers()}
    cancelled, lines = threading.Event(), list[str]()
    raised: list[BaseException] = []

    def build() -> None:
        try:
            registry.load("docker").build_image(spec, lines.append, cancelled)
        except BuildFailed as error:
            raised.append(error)

    building = threading.Thread(target=build)
    building.start()
    wait_for(lambda: "slow-step" in lines, "the slow step")
    cancelled.set()
    began = time.monotonic()
    building.join(30)
    assert time.monotonic() - began < 5
    assert "cancelled" in str(raised[0])
    wait_for(lambda: {each["Id"] for each in engine.api.containers()} <= before, "the end of the step")


def test_an_engine_that_left_is_unknown(
    docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mlmagic.targets.docker.target import DockerHandle

    handle = DockerHandle("c", "f", "/run", f"unix://{tmp_path}/gone.sock")
    assert registry.load("docker").observe(handle).phase is Phase.UNKNOWN
