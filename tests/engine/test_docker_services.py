"""Services in containers through the whole engine, on a real Docker Engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import LaunchFailed, NotFound, ScriptError, TargetUnavailable
from mlmagic.targets import validation
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER, MakeEngine, script
from tests.support.entry_scripts import READS_MODEL, inline
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
_LABEL = "label=mlmagic.service"


@pytest.fixture(autouse=True)
def nothing_is_left(docker: DockerEngine, engine: Engine) -> Iterator[None]:
    """Everything that a test deploys is gone when it is deleted."""
    before = left(docker)
    yield
    for name in engine.services.names():
        engine.services.delete(name)
    assert left(docker) == before


def left(docker: DockerEngine) -> set[str]:
    words = [["ps", "--all"], ["volume", "ls"], ["image", "ls"]]
    return {line for each in words for line in docker.docker(*each, "--quiet", "--filter", _LABEL).split()}


def test_a_service_is_built_and_answers_and_another_process_finds_it(
    engine: Engine, make_engine: MakeEngine
) -> None:
    said: list[str] = []
    # What nobody has installed before: the steps of the build are seen.
    inference = replace(script(), requirements=("iniconfig==2.0.0",))
    deployed = engine.services.deploy("svc", [], inference, ON_DOCKER)
    service = engine.services.wait(deployed, watching=lambda seen: said.append(seen.words))
    assert service.state is State.HEALTHY
    assert any(words.startswith("building its image: ") for words in said)
    assert engine.requests.score("svc", 1)["said"] == 1
    engine.close()
    other = make_engine()
    assert other.requests.score("svc", 1)["said"] == 1
    other.services.delete("svc")


def test_updates_keep_the_address_and_lose_no_request_of_clients_that_keep_their_connection(
    engine: Engine,
) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_DOCKER))
    assert service.url is not None
    with keep_alive_clients(service.url) as tally:
        for name in ("echo", "other") * 2:
            updated = engine.services.wait(engine.services.update("svc", inference=script(name)))
    assert updated.url == service.url
    assert engine.requests.score("svc", "1") == "other"
    assert tally.lost == []
    assert tally.answered > 50
    assert tally.closed > 0


def test_what_was_killed_is_brought_back(engine: Engine, docker: DockerEngine) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_DOCKER))
    assert service.handle is not None
    docker.docker("kill", service.handle["container"])
    wait_for(lambda: engine.services.get("svc").restarts == 1, "the restart")
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "health")
    assert engine.services.get("svc").url == service.url
    assert engine.requests.score("svc", 1)["said"] == 1


def test_keys_are_changed_while_it_serves(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), replace(ON_DOCKER, auth_enabled=True)))
    assert engine.requests.score("svc", 1)["said"] == 1
    engine.keys.regenerate("svc", "Primary")
    assert engine.requests.score("svc", 1)["said"] == 1


def test_stop_and_start_keep_the_port_and_the_image(engine: Engine, docker: DockerEngine) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_DOCKER))
    images = docker.docker("image", "ls", "--quiet", "mlmagic/svc")
    assert images
    assert engine.services.stop("svc").state is State.STOPPED
    assert not docker.docker("ps", "--all", "--quiet", "--filter", "label=mlmagic.service=svc")
    assert docker.docker("image", "ls", "--quiet", "mlmagic/svc") == images
    assert engine.services.wait(engine.services.start("svc")).url == service.url
    engine.services.stop("svc")  # a stopped one leaves nothing, either


def test_a_deleted_model_is_in_no_image_of_ours(engine: Engine, docker: DockerEngine, tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_text("weights")
    model = engine.models.register(tmp_path / "net.bin", ModelDescription("net")).id
    for name in ("one", "two"):
        engine.services.wait(engine.services.deploy(name, [model], inline(READS_MODEL), ON_DOCKER))
    assert engine.requests.score("two", [1]) == ["weights", None, [1]]
    [models] = names_of(docker, "mlmagic/models")
    for foundation in names_of(docker, "mlmagic/foundation"):
        said = docker.docker("run", "--rm", "--entrypoint", "ls", foundation, "/var")
        assert "azureml-models" not in said.split()
    engine.services.delete("one")
    assert names_of(docker, "mlmagic/models") == {models}
    engine.services.stop("two")
    # As the guide says: only foundations go, and a service that is stopped starts again from its own image.
    if docker.is_ours:
        docker.docker("image", "prune", "--all", "--force", "--filter", "label=mlmagic.foundation=1")
        assert names_of(docker, "mlmagic/foundation") == set()
    assert names_of(docker, "mlmagic/models") == {models}
    assert names_of(docker, "mlmagic/two")
    engine.services.wait(engine.services.start("two"))
    assert engine.requests.score("two", [1]) == ["weights", None, [1]]
    engine.services.delete("two")
    engine.models.delete(model)
    wait_for(lambda: not names_of(docker, "mlmagic/models"), "no image of models")


def names_of(docker: DockerEngine, repository: str) -> set[str]:
    return set(docker.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split())


def test_a_port_that_is_taken_after_all_is_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        # Free when the deploy was checked, taken when the container is to publish it.
        monkeypatch.setattr(validation, "is_free", lambda host, port: True)
        engine.services.deploy("svc", [], script(), replace(ON_DOCKER, port=free_port))
        wait_for(lambda: engine.services.get("svc").state is State.UNSCHEDULABLE, "Unschedulable")
        assert f"port {free_port} is in use" in engine.services.get("svc").words
    service = engine.services.wait(engine.services.get("svc"))
    assert service.url == f"http://127.0.0.1:{free_port}"
    assert engine.requests.score("svc", 1)["said"] == 1


def test_what_failed_or_was_stopped_goes_when_another_revision_comes(
    engine: Engine, docker: DockerEngine
) -> None:
    with pytest.raises(ScriptError):
        engine.services.wait(engine.services.deploy("svc", [], script("init_raises"), ON_DOCKER))
    engine.services.wait(engine.services.update("svc", inference=script("other")))
    engine.services.stop("svc")
    engine.services.wait(engine.services.update("svc", inference=script("echo")))
    wait_for(lambda: not engine.services.get("svc").retiring, "the end of those before")
    for words in (["ps", "--all", "--filter", "name=mlmagic-svc-r"], ["image", "ls", "mlmagic/svc"]):
        assert len(docker.docker(*words, "--quiet").split()) == 1


def test_twenty_services_at_once(engine: Engine, docker: DockerEngine) -> None:
    before = left(docker)
    names = [f"svc{number:02}" for number in range(20)]
    for deployed in [engine.services.deploy(name, [], script(), ON_DOCKER) for name in names]:
        assert engine.services.wait(deployed).state is State.HEALTHY
    assert [engine.requests.score(name, at)["said"] for at, name in enumerate(names)] == list(range(20))
    deleting = [threading.Thread(target=engine.services.delete, args=(name,)) for name in names]
    for thread in deleting:
        thread.start()
    for thread in deleting:
        thread.join()
    assert left(docker) == before


def test_why_it_failed_is_told(engine: Engine) -> None:
    with pytest.raises(ScriptError, match="KeyError"):
        engine.services.wait(engine.services.deploy("svc", [], script("init_raises"), ON_DOCKER))
    assert any("KeyError" in line for line in engine.services.logs("svc"))
    broken = replace(script(), requirements=("no-such-distribution-of-mlmagic==1",))
    with pytest.raises(LaunchFailed, match="was not found in the package registry"):
        engine.services.wait(engine.services.deploy("other", [], broken, ON_DOCKER))


def test_a_deploy_that_is_deleted_while_it_builds_leaves_the_others_alone(
    engine: Engine, docker: DockerEngine
) -> None:
    slow = {"docker": {"extraDockerFileSteps": "RUN sleep 600"}}
    engine.services.deploy("slow", [], script(), ON_DOCKER, environment=slow)
    wait_for(lambda: "sleep 600" in engine.services.get("slow").words, "the slow step")
    engine.services.wait(engine.services.deploy("quick", [], script(), ON_DOCKER))
    assert engine.requests.score("quick", 1)["said"] == 1
    engine.services.delete("slow", timeout=20)
    with pytest.raises(NotFound):
        engine.services.get("slow")
    is_building = ["ps", "--quiet", "--no-trunc", "--format", "{{.Command}}"]
    wait_for(lambda: "sleep 600" not in docker.docker(*is_building), "the end of the build")


def test_without_an_engine_nothing_is_recorded(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, docker: DockerEngine
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
        with pytest.raises(TargetUnavailable, match="--target local"):
            engine.services.deploy("svc", [], script(), ON_DOCKER)
    assert engine.services.names() == []


def test_replicas_are_containers_that_share_the_address(engine: Engine, docker: DockerEngine) -> None:
    config = replace(ON_DOCKER, num_replicas=2)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    assert service.handle is not None
    names = f"name={service.handle['container']}"

    def containers() -> list[str]:
        return docker.docker("ps", "--filter", names, "--format", "{{.Names}}").split()

    assert len(containers()) == 2
    with keep_alive_clients(str(service.url)) as tally:
        for count in (4, 1, 2):
            engine.replicas.wait(engine.replicas.set("svc", count), 120)
            assert len(containers()) == count
        engine.services.wait(engine.services.update("svc", inference=script("other")))
        assert engine.requests.score("svc", "1") == "other"
    assert tally.lost == []
    service = engine.services.get("svc")
    assert (service.replicas, service.handle is not None) == (2, True)
    logs = list(engine.services.logs("svc"))
    assert any(line.startswith("[replica 1] ") for line in logs)
    assert any(line.startswith("[replica 2] ") for line in logs)


@pytest.mark.parametrize("number", [1, 2])
def test_a_replica_that_was_killed_is_replaced_while_the_other_answers(
    engine: Engine, docker: DockerEngine, number: int
) -> None:
    config = replace(ON_DOCKER, num_replicas=2)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    assert service.handle is not None
    killed = service.handle["container"] + ("-2" if number == 2 else "")
    before = docker.docker("inspect", "--format", "{{.Id}}", killed)
    docker.docker("kill", killed)
    for _ in range(5):
        assert engine.requests.score("svc", 1)["said"] == 1
    wait_for(
        lambda: docker.docker("inspect", "--format", "{{.Id}}", killed, check=False) not in (before, ""),
        "another",
    )
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 2, "both")
    now = engine.services.get("svc")
    assert (now.state, now.restarts) == (State.HEALTHY, 0)


def test_nothing_runs_in_its_container_while_nobody_calls(engine: Engine) -> None:
    config = replace(ON_DOCKER, idle_timeout_seconds=1)
    engine.services.wait(engine.services.deploy("svc", [], script(), config))
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 0, "nothing running")
    assert engine.services.get("svc").state is State.HEALTHY
    assert engine.requests.score("svc", 1)["said"] == 1
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 1, "it runs again")
