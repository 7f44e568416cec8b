"""The target kubernetes on a real cluster; see also tests/engine/test_kubernetes_services.py."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase, ServiceSpec
from mlmagic.engine.http.client import Caller, Client
from mlmagic.errors import InvalidConfig, LaunchFailed, TargetUnavailable
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.kubernetes import snapshots
from mlmagic.targets.kubernetes.api import Api
from tests.support.certificates import write_certificate
from tests.support.kubernetes_cluster import left, wait_until_nothing_is_left
from tests.support.waiting import wait_for
from tests.targets.contract import TargetContract

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]  # the first starts the cluster


SHARED = "shared"
"""The namespace of the service that many tests share."""


@pytest.fixture(autouse=True)
def nothing_is_left(cluster: Cluster) -> Iterator[None]:
    """What a test launches and stops leaves nothing in the namespace."""
    if not cluster.kubectl("get", "namespace", SHARED, "--ignore-not-found"):
        cluster.kubectl("create", "namespace", SHARED)
    yield
    wait_until_nothing_is_left(cluster)


class TestKubernetes(TargetContract):
    target_name = "kubernetes"

    def config_of_served(self) -> DeploymentConfig:
        return DeploymentConfig("kubernetes", compute_settings={"namespace": SHARED})

    def revision(self, folder: Path, number: int, script: str = "echo.py", **changes: Any) -> ServiceSpec:
        """A revision of the one service of a workspace in ``folder``."""
        run_dir = folder / "services" / "1" / f"r{number}"
        return self.spec(run_dir, script, revision=number, **changes)

    def score(self, target: ComputeTarget[Any], handle: Any, data: Any = "x") -> Any:
        seen = self.until(target, handle, Phase.RUNNING)
        return Client().score("contract", f"{seen.url}/score", data)

    def test_changes_are_told_and_not_asked_for(
        self, served: tuple[ComputeTarget[Any], Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target, handle = served
        lists = [time.monotonic()]
        listing = Api.listing

        def noted(self: Api, kind: str, *words: Any) -> Any:
            if kind in snapshots.KINDS:
                lists.append(time.monotonic())
            return listing(self, kind, *words)

        monkeypatch.setattr(Api, "listing", noted)

        def is_watched() -> bool:
            """Whether nothing was listed for longer than a list is fresh."""
            target.observe(handle)
            return time.monotonic() - lists[-1] > 2 * snapshots.FRESH_SECONDS

        wait_for(is_watched, "the watches")
        count = len(lists)
        selector = f"mlmagic.key={handle.key}"
        cluster.kubectl("delete", "pod", "-n", SHARED, "-l", selector, "--wait=false")
        wait_for(lambda: target.observe(handle).ready == 0, "the end of its pod", timeout=60)
        wait_for(lambda: target.observe(handle).ready == 1, "another pod", timeout=120)
        assert len(lists) == count

    def test_a_revision_replaces_another_and_each_is_stopped_alone(
        self, target: ComputeTarget[Any], tmp_path: Path, cluster: Cluster
    ) -> None:
        specs = [self.revision(tmp_path, number) for number in (1, 2)]
        first = target.launch(specs[0], lambda line: None)
        url = self.until(target, first, Phase.RUNNING).url
        second = target.launch(specs[1], lambda line: None)
        assert target.observe(first).phase is Phase.RUNNING  # until its pods have been replaced
        assert self.until(target, second, Phase.RUNNING).url == url
        assert target.find(specs[0]) is not None
        target.stop(first)
        assert target.observe(first).ended
        assert target.find(specs[0]) is None
        assert self.score(target, second) == "x"
        secrets = {name for name in left(cluster) if name.startswith("secret/")}
        assert secrets == {f"secret/contract-{second.key}"}
        target.stop(second)
        assert left(cluster) == set()

    def test_a_revision_that_is_discarded_gives_way_to_the_one_before(
        self, target: ComputeTarget[Any], tmp_path: Path, cluster: Cluster
    ) -> None:
        first = target.launch(self.revision(tmp_path, 1), lambda line: None)
        url = self.until(target, first, Phase.RUNNING).url
        (pod,) = cluster.get("pods")["items"]
        target.scale(first, 2)
        wait_for(lambda: target.observe(first).ready == 2, "two replicas")
        config = DeploymentConfig("kubernetes", num_replicas=2)
        spec = self.revision(tmp_path, 2, "broken_init.py", config=config)
        broken = target.launch(spec, lambda line: None)
        failed = self.until(target, broken, Phase.EXITED)
        assert failed.error is not None
        assert (failed.error["phase"], failed.error["type"]) == ("init", "KeyError")
        assert 'raise KeyError("no such weight")' in failed.error["traceback"]
        assert any("no such weight" in line for line in target.logs(broken))
        assert target.observe(first).ready == 2
        target.stop(broken)
        assert target.observe(broken).ended
        seen = self.until(target, first, Phase.RUNNING)
        assert (seen.url, seen.ready) == (url, 2)
        assert pod["metadata"]["name"] in {each["metadata"]["name"] for each in cluster.get("pods")["items"]}
        target.stop(first)
        assert left(cluster) == set()

    def test_it_speaks_tls_and_asks_for_keys_which_change(
        self, target: ComputeTarget[Any], launch: Callable[..., Any], tmp_path: Path
    ) -> None:
        cert, key, keys = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "keys.json"
        keys.write_text('{"primary": "' + "a" * 32 + '"}')
        write_certificate(cert, key, "10.99.0.1")
        config = DeploymentConfig(
            "kubernetes", auth_enabled=True, ssl_cert_pem_file=str(cert), ssl_key_pem_file=str(key)
        )
        _, handle = launch(config=config, keys_file=str(keys))
        url = self.until(target, handle, Phase.RUNNING).url
        assert url is not None
        assert url.startswith("https://10.99.0.1:")
        assert Client().score("s", f"{url}/score", "x", Caller("a" * 32, str(cert))) == "x"
        keys.write_text('{"primary": "' + "b" * 32 + '"}')
        target.deliver_keys(handle, str(keys))
        wait_for(
            lambda: Client().score("s", f"{url}/score", "x", Caller("b" * 32, str(cert))) == "x",
            "the new key",
            ignoring=(Exception,),
        )

    def test_following_a_log_shows_what_comes_and_ends_with_the_service(
        self, target: ComputeTarget[Any], launch: Callable[..., Any]
    ) -> None:
        _, handle = launch()
        self.until(target, handle, Phase.RUNNING)
        lines = target.logs(handle, follow=True)
        assert next(lines) == "echo is ready"
        threading.Thread(target=target.stop, args=(handle,)).start()
        assert all(isinstance(line, str) for line in lines)

    def test_what_an_interrupted_launch_has_left_is_found_to_be_stopped(
        self, target: ComputeTarget[Any], tmp_path: Path, cluster: Cluster
    ) -> None:
        spec = self.revision(tmp_path, 1)
        handle = target.launch(spec, lambda line: None)
        cluster.kubectl("delete", "deployment", "contract")  # as if it had never been applied
        found = target.find(spec)
        assert found == handle
        assert target.observe(found).ended
        target.stop(found)

    def test_objects_of_other_people_are_not_touched(
        self, target: ComputeTarget[Any], tmp_path: Path, cluster: Cluster
    ) -> None:
        theirs = self.revision(tmp_path / "theirs", 1)
        first = target.launch(theirs, lambda line: None)
        with pytest.raises(LaunchFailed, match="a Deployment 'contract' that belongs to another workspace"):
            target.launch(self.revision(tmp_path / "ours", 1), lambda line: None)
        self.until(target, first, Phase.RUNNING)
        target.stop(first)

    def test_a_namespace_and_a_port_that_cannot_be_are_refused(
        self, target: ComputeTarget[Any], cluster: Cluster
    ) -> None:
        config = DeploymentConfig("kubernetes", without_auth=True, compute_settings={"namespace": "nowhere"})
        with pytest.raises(InvalidConfig, match=r"namespace 'nowhere' does not exist .*create namespace"):
            target.validate(config)
        with pytest.raises(InvalidConfig, match="port 5001 cannot be chosen in a cluster"):
            target.validate(dataclasses.replace(config, port=5001))

    def test_services_of_a_namespace_are_apart(
        self, target: ComputeTarget[Any], tmp_path: Path, cluster: Cluster
    ) -> None:
        cluster.kubectl("create", "namespace", "apart")
        config = DeploymentConfig("kubernetes", compute_settings={"namespace": "apart"})
        here = target.launch(self.revision(tmp_path / "a", 1), lambda line: None)
        there = target.launch(self.revision(tmp_path / "b", 1, config=config), lambda line: None)
        assert (here.namespace, there.namespace) == ("default", "apart")
        self.until(target, there, Phase.RUNNING)
        target.stop(here)
        assert self.score(target, there) == "x"
        target.stop(there)
        assert left(cluster, "apart") == set()
        cluster.kubectl("delete", "namespace", "apart", "--wait=false")


def test_credentials_that_are_not_accepted_are_told(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "expired"}
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(
        TargetUnavailable, match=r"does not accept the credentials of context 'tests'.*Log in"
    ):
        registry.load("kubernetes").check()


def test_a_context_is_chosen_with_the_target(cluster: Cluster) -> None:
    registry.load("kubernetes:tests").check()
    with pytest.raises(TargetUnavailable, match="there is no context 'other'"):
        registry.load("kubernetes:other").check()
    with pytest.raises(InvalidConfig, match="names a context, and 'local' has none"):
        registry.load("local:tests")


def test_an_api_server_that_is_not_there_is_unknown(cluster: Cluster, tmp_path: Path) -> None:
    from mlmagic.targets.kubernetes.target import KubernetesHandle

    config = json.loads(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    handle = KubernetesHandle(str(file), "tests", "default", "svc", "0123456789ab")
    seen = registry.load("kubernetes").observe(handle)
    assert seen.phase is Phase.UNKNOWN
    assert "does not answer" in seen.words


def test_fifty_services_are_observed_with_a_few_calls(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.kubernetes import crowd

    paths: list[str] = []
    call = Api.call

    def counted(self: Api, method: str, path: str, *words: Any) -> Any:
        paths.append(path.partition("?")[0])
        return call(self, method, path, *words)

    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 60.0)
    monkeypatch.setattr(Api, "call", counted)
    target = registry.load("kubernetes")
    with crowd.services(cluster, 50) as handles:
        seen = [target.observe(handle) for handle in handles]
    assert {each.phase for each in seen} <= {Phase.STARTING, Phase.RUNNING}
    assert sorted(path.rpartition("/")[2] for path in paths) == ["deployments", "nodes", "pods", "services"]
