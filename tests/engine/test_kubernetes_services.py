"""Services in a Kubernetes cluster through the whole engine, on a real cluster of two nodes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import yaml

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.package import PackageKind
from mlmagic.core.profile import ProfilePlan, ProfileState
from mlmagic.core.webservice import Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.engine.http.client import Caller, Client
from mlmagic.engine.services.callers import TOKEN_SECONDS, new_token
from mlmagic.errors import InvalidConfig, InvokeError, MLMagicError, ScriptError
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.kubernetes import target as target_module
from mlmagic.targets.kubernetes.address import is_ready
from mlmagic.targets.kubernetes.pods import is_ending
from mlmagic.targets.local.target import LocalTarget
from mlmagic.workspace import keys as stored_keys
from tests.support import docker_registry
from tests.support.docker_engine import PYTHON, DockerEngine
from tests.support.engines import MakeEngine, script
from tests.support.entry_scripts import SLEEPY, inline
from tests.support.keep_alive import keep_alive_clients
from tests.support.kubernetes_cluster import ON_KUBERNETES, left, wait_until_nothing_is_left
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

# The first starts the cluster.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]
_LONG = 120.0


def state_of(engine: Engine, state: State) -> str:
    """Wait until the service has this state; returns its message."""
    wait_for(
        lambda: engine.services.get("svc").state is state,
        lambda: f"{state}, not {engine.services.get('svc')}",
        timeout=_LONG,
    )
    return engine.services.get("svc").words


def test_a_service_is_deployed_and_answers_and_another_process_finds_it(
    engine: Engine, make_engine: MakeEngine, cluster: Cluster
) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    assert service.state is State.HEALTHY
    assert service.words == "1 of 1 replica ready"
    assert engine.requests.score("svc", 1)["said"] == 1
    engine.close()
    other = make_engine()
    assert other.requests.score("svc", 1)["said"] == 1
    other.services.delete("svc")
    wait_until_nothing_is_left(cluster)


@pytest.mark.usefixtures("without_haste")
def test_updates_and_scaling_keep_the_address_and_lose_no_request(engine: Engine, cluster: Cluster) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    assert service.url is not None
    with keep_alive_clients(service.url) as tally:
        for name in ("other", "echo"):
            updated = engine.services.wait(engine.services.update("svc", inference=script(name)))
        engine.replicas.set("svc", 3)
        wait_for(lambda: engine.services.get("svc").words == "3 of 3 replicas ready", "three", timeout=_LONG)
        nodes = {pod["spec"]["nodeName"] for pod in cluster.get("pods")["items"]}
        engine.replicas.set("svc", 1)
        wait_for(lambda: engine.services.get("svc").words == "1 of 1 replica ready", "one", timeout=_LONG)
        wait_for(lambda: len(cluster.get("pods")["items"]) == 1, "one pod", timeout=_LONG)
    assert nodes == {"node1", "node2"}
    assert updated.url == service.url
    assert tally.lost == []
    assert tally.answered > 50


@pytest.mark.usefixtures("without_haste")
def test_an_init_that_fails_is_told_with_its_traceback_and_what_served_goes_on(engine: Engine) -> None:
    with pytest.raises(ScriptError) as failed:
        engine.services.wait(engine.services.deploy("svc", [], script("init_raises"), ON_KUBERNETES))
    assert failed.value.phase == "init"
    assert "Traceback" in failed.value.traceback
    service = engine.services.wait(engine.services.update("svc", inference=script("other")))
    assert service.url is not None
    with keep_alive_clients(service.url) as tally, pytest.raises(ScriptError):
        engine.services.wait(engine.services.update("svc", inference=script("init_raises")))
    assert tally.lost == []
    assert engine.requests.score("svc", "1") == "other"


def test_too_much_cpu_is_unschedulable_in_the_schedulers_words(engine: Engine) -> None:
    engine.services.deploy("svc", [], script(), replace(ON_KUBERNETES, cpu=64.0))
    words = state_of(engine, State.UNSCHEDULABLE)
    assert "0/2 nodes are available: 2 Insufficient cpu" in words
    assert "a node has at most 2 CPU cores" in words


def test_a_pod_that_is_killed_is_replaced(engine: Engine, cluster: Cluster) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    (pod,) = cluster.get("pods")["items"]
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    wait_for(
        lambda: (
            [each["metadata"]["name"] for each in cluster.get("pods")["items"]]
            not in ([], [pod["metadata"]["name"]])
        ),
        "another pod",
    )
    # While there is no pod, this old version of Kubernetes accepts connections and never answers them.
    wait_for(
        lambda: Client().score("svc", f"{service.url}/score", 1, timeout=3)["said"] == 1,
        "answers",
        ignoring=(MLMagicError,),
    )
    state_of(engine, State.HEALTHY)
    assert engine.services.get("svc").url == service.url


def test_more_memory_than_the_limit_is_told_with_the_limit(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script("eats"), ON_KUBERNETES))
    with pytest.raises(MLMagicError):
        engine.requests.score("svc", "eat")
    wait_for(
        lambda: (
            "out of memory: the service needs more than its limit memory_gb=0.25 (256 MiB)"
            in engine.services.get("svc").words
        ),
        lambda: engine.services.get("svc").words,
        timeout=_LONG,
    )
    state_of(engine, State.HEALTHY)


@pytest.mark.usefixtures("without_haste")
def test_a_node_that_is_away_costs_no_request_and_its_replica_is_started_on_another(
    engine: Engine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "AWAY_SECONDS", 5)
    monkeypatch.setattr(target_module, "NODES_SECONDS", 0.5)
    away = "; node 'node2' does not answer, and its replicas are started on others"
    config = replace(ON_KUBERNETES, num_replicas=2)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    assert service.url is not None
    assert _nodes(cluster) == ["node1", "node2"]
    with keep_alive_clients(service.url) as tally:
        cluster.processes.stop("kubelet2")
        try:
            for count in (1, 2):
                wait_for(
                    lambda: engine.services.get("svc").words == f"{count} of 2 replicas ready{away}",  # noqa: B023
                    lambda: engine.services.get("svc").words,
                    timeout=_LONG,
                )
                assert engine.services.get("svc").state is State.HEALTHY
            assert _nodes(cluster) == ["node1", "node1"]
        finally:
            cluster.processes.start_again("kubelet2")
        wait_for(lambda: len(cluster.get("pods")["items"]) == 2, "the end of the old replica", timeout=_LONG)
    assert tally.lost == []
    assert tally.answered > 50
    wait_for(lambda: all(map(is_ready, cluster.get("nodes")["items"])), "the node", timeout=_LONG)
    wait_for(lambda: engine.services.get("svc").words == "2 of 2 replicas ready", "no node that is away")


def _nodes(cluster: Cluster) -> list[str]:
    """The nodes of the pods that are not ending."""
    pods = cluster.get("pods")["items"]
    return sorted(pod["spec"].get("nodeName", "") for pod in pods if not is_ending(pod))


def test_an_image_that_cannot_be_pulled_is_told_with_its_name_and_the_credentials_help(
    engine: Engine, cluster: Cluster, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    login = {"username": "reader", "password": "let-me-in"}
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with docker_registry.running(tmp_path, user=login["username"], password=login["password"]) as address:
        docker.docker("login", *(f"--{name}={value}" for name, value in login.items()), address)
        monkeypatch.setenv("MLMAGIC_REGISTRY", address)
        pulled = rf"image '{address}/mlmagic/svc:\w+' cannot be pulled \(ImagePullBackOff\): .*no basic auth"
        with pytest.raises(MLMagicError, match=f"(?s){pulled}.*MLMAGIC_PULL_SECRET"):
            engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
        given = (f"--docker-{name}={value}" for name, value in login.items())
        cluster.kubectl("create", "secret", "docker-registry", "reader", f"--docker-server={address}", *given)
        monkeypatch.setenv("MLMAGIC_PULL_SECRET", "reader")
        try:
            engine.services.wait(engine.services.update("svc", inference=script("other")))
            assert engine.requests.score("svc", "1") == "other"
            engine.services.delete("svc")
        finally:
            cluster.kubectl("delete", "secret", "reader")


def test_an_image_that_was_not_loaded_is_told_with_its_name(
    engine: Engine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLMAGIC_REGISTRY")
    monkeypatch.setenv("MLMAGIC_IMAGE_LOADER", "echo {image}")  # which loads nothing
    with pytest.raises(MLMagicError, match=r"image 'mlmagic/svc:\w+' cannot be pulled \(ErrImageNeverPull\)"):
        engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))


def test_callers_need_the_key_and_it_changes_while_the_service_runs(engine: Engine) -> None:
    config = replace(ON_KUBERNETES, without_auth=False, auth_enabled=True)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    uri = f"{service.url}/score"
    with pytest.raises(InvokeError) as refused:
        Client().score("svc", uri, 1, Caller("x" * 32))
    assert refused.value.status == 401
    assert engine.requests.score("svc", 1)["said"] == 1
    engine.keys.regenerate("svc", "Primary")
    assert engine.requests.score("svc", 1)["said"] == 1, "with the new key, which holds at once"


def test_callers_need_a_token_that_has_not_expired(engine: Engine) -> None:
    config = replace(ON_KUBERNETES, without_auth=False, token_auth_enabled=True)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    assert engine.requests.score("svc", 1)["said"] == 1
    with engine.memory.reading() as tx:
        held = stored_keys.get(tx, service.id)
    assert held is not None
    expired, valid = (
        new_token("svc", held.token_secret, time.time() - age).access_token for age in (TOKEN_SECONDS + 1, 0)
    )

    def answer(token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(f"{service.url}/score", "1", headers=headers, timeout=10)

    assert answer(valid).status_code == 200
    refused = answer(expired)
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_service_for_everyone_must_be_wanted(engine: Engine) -> None:
    with pytest.raises(InvalidConfig, match="auth_enabled False must be given in a cluster"):
        engine.services.deploy("svc", [], script(), replace(ON_KUBERNETES, without_auth=False))


def test_stop_and_start_keep_the_address(engine: Engine, cluster: Cluster) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    assert engine.services.stop("svc").state is State.STOPPED
    assert left(cluster) == {"service/svc"}
    assert engine.services.wait(engine.services.start("svc")).url == service.url


def test_an_api_server_that_is_away_changes_nothing(
    engine: Engine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlmagic.targets.kubernetes import api

    monkeypatch.setattr(api, "ANSWER_SECONDS", 1.0)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    cluster.processes.pause("kube-apiserver", paused=True)
    try:
        assert engine.requests.score("svc", 1)["said"] == 1
        target = engine.targets.get("kubernetes")
        handle = target.unpack(service.handle)
        seen = wait_for(lambda: (now := target.observe(handle)).phase is Phase.UNKNOWN and now, "unknown")
        assert "does not answer" in seen.words
        assert engine.services.get("svc").state is State.HEALTHY
    finally:
        cluster.processes.pause("kube-apiserver", paused=False)
    assert engine.requests.score("svc", 1)["said"] == 1


def test_what_is_not_ours_is_not_touched(engine: Engine, cluster: Cluster) -> None:
    cluster.kubectl("create", "service", "clusterip", "svc", "--tcp=80:80")
    try:
        with pytest.raises(MLMagicError, match="has a Service 'svc' that was not created by mlmagic"):
            engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
        engine.services.delete("svc")
        assert cluster.get("service", "svc")["spec"]["ports"][0]["port"] == 80
    finally:
        cluster.kubectl("delete", "service", "svc")


@pytest.mark.usefixtures("without_registry")
def test_an_image_is_loaded_by_a_command_where_there_is_no_registry(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    assert engine.requests.score("svc", 1)["said"] == 1


def test_a_script_travels_in_a_config_map_where_no_image_can_be_sent(
    engine: Engine, cluster: Cluster, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serving = f"{os.environ['MLMAGIC_REGISTRY']}/serving:1"
    built = engine.packages.create(
        [], script(), kind=PackageKind.IMAGE, image_name="serving", image_label="1"
    )
    docker.docker("tag", built.location, serving)
    docker.docker("push", serving)
    monkeypatch.delenv("MLMAGIC_REGISTRY")
    monkeypatch.setenv("MLMAGIC_SERVING_IMAGE", serving)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")  # no image is built
    engine.services.wait(engine.services.deploy("svc", [], script("other"), ON_KUBERNETES))
    assert engine.requests.score("svc", "1") == "other"
    engine.services.wait(engine.services.update("svc", inference=script()))
    assert engine.requests.score("svc", 1)["said"] == 1
    wait_for(lambda: sum(name.startswith("configmap/") for name in left(cluster)) == 1, "one ConfigMap")
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "score.py").write_text("def init(): ...\ndef run(data): return data\n")
    (folder / "noise.bin").write_bytes(os.urandom(1 << 20))
    with pytest.raises(MLMagicError, match=r"MiB when compressed, .* at most 1 MiB(?s:.*)MLMAGIC_REGISTRY"):
        engine.services.wait(
            engine.services.update("svc", inference=InferenceConfig("score.py", source_directory=str(folder)))
        )
    assert engine.requests.score("svc", 1)["said"] == 1


def test_usage_requests_and_packages_are_read_from_all_replicas(engine: Engine) -> None:
    config = replace(ON_KUBERNETES, num_replicas=2, recorded_requests=10)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
    for number in range(8):
        Client().score("svc", f"{service.url}/score", number)
    wait_for(lambda: len(engine.requests.recorded("svc")) == 8, "the requests to both replicas")
    assert sorted(engine.requests.to_replay("svc")) == [str(number) for number in range(8)]
    target = engine.targets.get("kubernetes")
    handle = target.unpack(engine.services.get("svc").handle)
    used = target.usage(handle)
    assert used.cpu_seconds > 0.1
    assert 20 << 20 < used.memory_bytes < 512 << 20
    assert target.packages(handle)["python"].startswith(PYTHON)
    wait_for(lambda: "memory_bytes" in engine.services.get("svc").stats, "its usage on the card")


def test_a_profile_is_measured_and_a_comparison_shows_the_packages_that_differ(
    engine: Engine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalTarget, "packages", lambda self, handle: {"python": "3.0"})
    plan = ProfilePlan("p", (0.5,), (0.25,), seconds=3.0, concurrencies=(1,), target="kubernetes")
    made = engine.profiles.measure(plan, [], inline(SLEEPY), [b"1"])
    assert made.state is ProfileState.SUCCEEDED, made.error
    (size,) = made.sizes
    assert size.held_by == "Kubernetes"
    assert size.loads[0].percentiles_ms["50"] >= 10
    assert 0.01 < size.peak_memory_gb < 0.25
    assert 0 < size.max_cores < 1
    engine.services.wait(engine.services.deploy("svc", [], script("other"), DeploymentConfig("local")))
    found = engine.parity.check("svc", "kubernetes", [b"1"])
    assert found.differences == ()
    ((name, here, there),) = found.packages
    assert (name, here) == ("python", "3.0")
    assert there.startswith(PYTHON)
    assert left(cluster) == set()


def test_a_change_by_hand_is_shown_until_the_next_update(engine: Engine, cluster: Cluster) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_KUBERNETES))
    cluster.kubectl("set", "resources", "deployment/svc", "--limits=memory=300Mi")
    cluster.kubectl("rollout", "restart", "deployment/svc")
    field = "spec.template.spec.containers[server].resources.limits.memory"
    wait_for(
        lambda: (
            engine.services.get("svc").words
            == f"1 of 1 replica ready; kubectl-set changed {field} of the Deployment"
        ),
        lambda: engine.services.get("svc").words,
        timeout=_LONG,
    )
    assert engine.services.get("svc").state is State.HEALTHY
    engine.services.wait(engine.services.update("svc", inference=script("other")))
    wait_for(lambda: engine.services.get("svc").words == "1 of 1 replica ready", "no drift")
    (pod,) = (each for each in cluster.get("pods")["items"] if not is_ending(each))
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "256Mi"


def test_pods_have_the_priority_and_the_service_account_that_are_named(
    engine: Engine, cluster: Cluster
) -> None:
    settings = {"priority_class_name": "serving", "service_account_name": "reader"}
    cluster.kubectl("create", "priorityclass", "serving", "--value=1000")
    cluster.kubectl("create", "serviceaccount", "reader")
    try:
        config = replace(ON_KUBERNETES, compute_settings=settings)
        engine.services.wait(engine.services.deploy("svc", [], script(), config))
        (pod,) = cluster.get("pods")["items"]
        assert (pod["spec"]["priority"], pod["spec"]["serviceAccountName"]) == (1000, "reader")
        unknown = replace(config, compute_settings={**settings, "priority_class_name": "nowhere"})
        engine.services.deploy("svc", [], script(), unknown, overwrite=True)
        wait_for(
            lambda: "no PriorityClass with name nowhere" in engine.services.get("svc").words,
            lambda: f"the refusal, not {engine.services.get('svc').words}",
        )
        engine.services.delete("svc")
    finally:
        cluster.kubectl("delete", "priorityclass/serving", "serviceaccount/reader")


def test_logs_of_all_replicas_are_merged(engine: Engine) -> None:
    config = replace(ON_KUBERNETES, num_replicas=2)
    engine.services.wait(engine.services.deploy("svc", [], script(), config))

    def replicas() -> set[str]:
        lines = engine.services.logs("svc")
        return {line.partition(" ")[0] for line in lines if "serving at" in line}

    wait_for(lambda: len(replicas()) == 2, lambda: f"the lines of two replicas, not of {replicas()}")


@pytest.mark.usefixtures("without_haste")
def test_the_autoscaler_follows_the_load_and_an_update_keeps_its_replicas(
    engine: Engine, cluster: Cluster
) -> None:
    from tests.support.kubernetes.metrics_api import serving

    settings = {
        "autoscale_enabled": True,
        "autoscale_max_replicas": 4,
        "autoscale_target_utilization": 20,
    }
    config = replace(ON_KUBERNETES, compute_type="aks", compute_settings=settings)
    with serving(cluster):
        service = engine.services.wait(engine.services.deploy("svc", [], script(), config))
        assert service.url is not None
        with keep_alive_clients(service.url) as tally:
            wait_for(lambda: _replicas(cluster) == 4, "four replicas", timeout=_LONG)
        engine.services.wait(engine.services.update("svc", inference=script("other")))
        wait_for(lambda: _replicas(cluster) == 1, "one replica", timeout=_LONG)
    assert tally.lost == []
    assert cluster.get("hpa", "svc")["spec"]["maxReplicas"] == 4


def _replicas(cluster: Cluster) -> int:
    return int(cluster.get("deployment", "svc")["spec"]["replicas"])


def test_a_package_that_is_applied_by_hand_is_the_same_service(
    engine: Engine, cluster: Cluster, docker: DockerEngine, tmp_path: Path
) -> None:
    image, manifests = (
        engine.packages.create(
            [], script(), kind=kind, image_name="echo", image_label="1", config=ON_KUBERNETES
        )
        for kind in (PackageKind.IMAGE, PackageKind.KUBERNETES)
    )
    pushed = f"{os.environ['MLMAGIC_REGISTRY']}/echo:1"
    docker.docker("tag", image.location, pushed)
    docker.docker("push", pushed)
    folder = engine.packages.save(manifests, tmp_path / "package")
    deployment = folder / "kubernetes/deployment.yaml"
    deployment.write_text(deployment.read_text().replace("image: echo:1", f"image: {pushed}"))
    cluster.kubectl("apply", "-k", str(folder / "kubernetes"))
    try:
        name = yaml.safe_load((folder / "kubernetes/service.yaml").read_text())["metadata"]["name"]
        cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")
        address = cluster.get("service", name)["spec"]["clusterIP"]
        wait_for(
            lambda: Client().score("svc", f"http://{address}/score", 1, timeout=3)["said"] == 1,
            "an answer",
            ignoring=(MLMagicError,),
        )
    finally:
        cluster.kubectl("delete", "-k", str(folder / "kubernetes"))
