"""A real Kubernetes cluster for the tests: one for all tests of a run, with a registry of images beside it.

It is built from Debian's packages alone (`tests/support/kubernetes/build.sh`), once per machine. Runs at the
same time take turns, as there is one set of addresses and control groups.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.services.reconcile import pace
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.kubernetes.objects import MIN_READY_SECONDS as _MIN_READY_SECONDS
from mlmagic.targets.kubernetes.objects import PRE_STOP_SECONDS as _PRE_STOP_SECONDS
from tests.support.docker_engine import DockerEngine
from tests.support.kubernetes.binaries import binaries, cache, missing
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from tests.support.kubernetes.cluster import Cluster

NAMESPACE = "default"
ON_KUBERNETES = DeploymentConfig("kubernetes", memory_gb=0.25, without_auth=True)


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster; skip where there can be none, but fail where there must be one (CI)."""
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from tests.support.kubernetes import cluster as kubernetes  # what it imports, no unit test needs

    with (cache() / "kubernetes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with kubernetes.running(binaries()) as cluster:
            yield cluster


@pytest.fixture(scope="session")
def _kubernetes_cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _kubernetes_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tests.support import docker_registry

    with docker_registry.running(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def cluster(
    _kubernetes_cluster: Cluster,
    _kubernetes_registry: str,
    docker: DockerEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> Cluster:
    """A real cluster, for tests marked `processes`: what the target finds, with a registry for its images.

    Pods come and go faster than those of users: see `without_haste`.
    """
    monkeypatch.setattr(objects, "MIN_READY_SECONDS", 1)
    monkeypatch.setattr(objects, "PRE_STOP_SECONDS", 1)
    monkeypatch.setenv("KUBECONFIG", str(_kubernetes_cluster.kubeconfig))
    monkeypatch.setenv("MLMAGIC_REGISTRY", _kubernetes_registry)
    return _kubernetes_cluster


@pytest.fixture
def services_end(cluster: Cluster, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test deploys through the engine is looked at often, deleted afterwards, and gone then."""
    monkeypatch.setattr(pace, "WHILE_SERVING", 0.3)
    monkeypatch.setattr(pace, "WHILE_STARTING", 0.3)
    yield
    for name in engine.services.names():
        if name in engine.services.names():  # a version goes with its endpoint
            engine.services.delete(name, of_endpoint=True)
    wait_until_nothing_is_left(cluster)


@pytest.fixture
def without_haste(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods come and go as those of users do: for tests in which no request may be lost."""
    monkeypatch.setattr(objects, "MIN_READY_SECONDS", _MIN_READY_SECONDS)
    monkeypatch.setattr(objects, "PRE_STOP_SECONDS", _PRE_STOP_SECONDS)


@pytest.fixture
def without_registry(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    """The same cluster where images are loaded into the nodes by a command."""
    loads = " && ".join(
        f"docker --host {address} load --input {tmp_path}/image.tar" for address in cluster.sockets.values()
    )
    monkeypatch.delenv("MLMAGIC_REGISTRY")
    script = f"docker save --output {tmp_path}/image.tar {{image}} && {loads}"
    monkeypatch.setenv("MLMAGIC_IMAGE_LOADER", f"sh -c '{script}'")
    return cluster


def left(cluster: Cluster, namespace: str = NAMESPACE) -> set[str]:
    """The names of all that mlmagic has created in a namespace."""
    kinds = "deployments,replicasets,pods,services,secrets,configmaps,hpa,pdb"
    selector = "app.kubernetes.io/managed-by=mlmagic"
    return set(cluster.kubectl("get", kinds, "-n", namespace, "-l", selector, "-o", "name").split())


def wait_until_nothing_is_left(cluster: Cluster) -> None:
    """Pods that were removed finish their requests, which takes over a minute at most."""
    wait_for(lambda: left(cluster) == set(), lambda: f"an empty namespace, not {left(cluster)}", timeout=150)
