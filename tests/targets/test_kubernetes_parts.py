"""The decisions of the target kubernetes, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.webservice import Observation, Phase
from mlmagic.errors import InvalidConfig, TargetUnavailable
from mlmagic.targets.kubernetes import address, connection, logs, pods, records, releases
from mlmagic.targets.kubernetes.delivery import Delivery, route
from mlmagic.targets.kubernetes.observation import Seen, largest, observe

KEY, OLD = "0123456789ab", "ba9876543210"
URL = "http://10.0.0.1:30001"
IMAGE = "registry.example/mlmagic/diabetes:1"

# -- objects as the API writes them -------------------------------------------------------------------


def deployment(
    key: str = KEY, *, replicas: int = 1, rolled_out: bool = True, conditions: Sequence[Any] = ()
) -> Mapping[str, Any]:
    reason = "NewReplicaSetAvailable" if rolled_out else "ReplicaSetUpdated"
    progress = {"type": "Progressing", "status": "True", "reason": reason}
    return {
        "metadata": {"name": "diabetes", "generation": 2},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"mlmagic.key": key, "mlmagic.revision": "2"}}},
        },
        "status": {"observedGeneration": 2, "conditions": [progress, *conditions]},
    }


def paused(found: Mapping[str, Any], new: int, available: int, observed: int = 2) -> Mapping[str, Any]:
    """The Deployment, paused, with ``new`` replicas of its newest revision."""
    counts = {"replicas": available, "updatedReplicas": new, "availableReplicas": available}
    condition = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}
    status = {**found["status"], **counts, "observedGeneration": observed, "conditions": [condition]}
    return {**found, "spec": {**found["spec"], "paused": True}, "status": status}


def pod(
    name: str = "diabetes-1",
    key: str = KEY,
    *,
    ready: bool = False,
    state: Any = None,
    last: Any = None,
    restarts: int = 0,
    conditions: Sequence[Any] = (),
    ending: bool = False,
    node: str = "node1",
    first: Any = None,
) -> Mapping[str, Any]:
    meta: dict[str, Any] = {"name": name, "labels": {"mlmagic.key": key}}
    if ending:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {
        "name": "server",
        "restartCount": restarts,
        "state": state or {"running": {}},
        "lastState": {"terminated": last} if last else {},
    }
    container = {"name": "server", "image": IMAGE, "resources": {"limits": {"memory": "256Mi"}}}
    return {
        "metadata": meta,
        "spec": {"containers": [container], "nodeName": node},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}, *conditions],
            "initContainerStatuses": [{"name": "unpack", "state": first}] if first else [],
            "containerStatuses": [] if conditions else [status],
        },
    }


def waiting(reason: str, message: str = "") -> Mapping[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/2 nodes are available: 2 Insufficient cpu.",
}
RECORD = {"phase": "init", "type": "KeyError", "message": "no such weight", "traceback": "Traceback ..."}
CRASHED = {"exitCode": 3, "reason": "Error", "message": json.dumps(RECORD)}
KILLED = {"exitCode": 137, "reason": "OOMKilled"}
BACK_OFF = waiting("CrashLoopBackOff", "back-off 10s restarting failed container")
OUT_OF_MEMORY = "out of memory: the service needs more than its limit memory_gb=0.25 (256 MiB)"
DENIED = f'Failed to pull image "{IMAGE}": manifest unknown'

# -- observations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "phase", "words"),
    [
        (Seen(None), Phase.GONE, "the Deployment was removed"),
        # one attempt is not enough, but without permission to read events nobody can count them
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("ImagePullBackOff", "Back-off pulling image"))],
                {"diabetes-1": [{"reason": "Failed", "message": DENIED}]},
            ),
            Phase.STARTING,
            f"pulling image '{IMAGE}' again: {DENIED}",
        ),
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("ImagePullBackOff", "Back-off pulling image"))],
                {"diabetes-1": [{"reason": "Pulling", "message": f'Pulling image "{IMAGE}"'}]},
            ),
            Phase.STARTING,
            f"pulling image '{IMAGE}' again: Back-off pulling image",
        ),
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("ImagePullBackOff", "Back-off pulling image"))],
            ),
            Phase.EXITED,
            f"image '{IMAGE}' cannot be pulled (ImagePullBackOff): Back-off pulling image",
        ),
        # a container before that of the server
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("PodInitializing"), first=waiting("ImagePullBackOff", DENIED))],
            ),
            Phase.EXITED,
            f"image '{IMAGE}' cannot be pulled (ImagePullBackOff): {DENIED}",
        ),
        (
            Seen(
                deployment(rolled_out=False), [pod(state=waiting("PodInitializing"), first={"running": {}})]
            ),
            Phase.STARTING,
            "unpacking its files",
        ),
        (
            Seen(
                deployment(rolled_out=False),
                [
                    pod(
                        state=waiting("PodInitializing"),
                        first={"terminated": {"exitCode": 1, "message": "No module named tarfile"}},
                    )
                ],
            ),
            Phase.EXITED,
            "the container exited with code 1: No module named tarfile",
        ),
        (
            Seen(deployment(rolled_out=False), [pod(first={"terminated": {"exitCode": 0}})]),
            Phase.STARTING,
            "running init()",
        ),
        # a node that is away
        (
            Seen(deployment(replicas=2), [pod("a", ready=True), pod("b", node="node2")], away={"node2"}),
            Phase.RUNNING,
            "1 of 2 replicas ready; node 'node2' does not answer, and its replicas are started on others",
        ),
        (
            Seen(deployment(), [pod(state=BACK_OFF, last=KILLED)], away={"node1", "node3"}),
            Phase.RUNNING,
            "0 of 1 replica ready; node 'node1' does not answer, and its replicas are started on others",
        ),
        (
            Seen(deployment(replicas=2), [pod("a"), pod("b", node="node2")], away={"node1", "node2"}),
            Phase.RUNNING,
            "0 of 2 replicas ready; nodes 'node1', 'node2' do not answer, and its replicas are started on "
            "others",
        ),
        (Seen(deployment(), [pod(ready=True)], away={"node2"}), Phase.RUNNING, "1 of 1 replica ready"),
        # starting
        (Seen(deployment(rolled_out=False)), Phase.STARTING, "waiting for the cluster"),
        (Seen(deployment(rolled_out=False), [pod()]), Phase.STARTING, "running init()"),
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("ContainerCreating"))],
                {"diabetes-1": [{"reason": "Pulling", "message": f'Pulling image "{IMAGE}"'}]},
            ),
            Phase.STARTING,
            f"pulling image '{IMAGE}'",
        ),
        (
            Seen(
                deployment(rolled_out=False, replicas=3),
                [pod("a", ready=True), pod("b", ready=True), pod("c")],
            ),
            Phase.STARTING,
            "2 of 3 replicas ready; running init()",
        ),
        (
            Seen(deployment(rolled_out=False), [pod(ready=True)]),
            Phase.STARTING,
            "ready; the nodes are to send it requests",
        ),
        (
            Seen(
                deployment(rolled_out=False), [pod(conditions=[UNSCHEDULED])], {}, "a node has at most 2 CPU"
            ),
            Phase.UNSCHEDULABLE,
            "0/2 nodes are available: 2 Insufficient cpu; a node has at most 2 CPU",
        ),
        (
            Seen(
                deployment(
                    rolled_out=False,
                    conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}],
                )
            ),
            Phase.UNSCHEDULABLE,
            "exceeded quota",
        ),
        # ended while it started
        (
            Seen(deployment(rolled_out=False), [pod(state={"terminated": CRASHED})]),
            Phase.EXITED,
            "no such weight",
        ),
        (Seen(deployment(rolled_out=False), [pod(state=BACK_OFF, last=KILLED)]), Phase.EXITED, OUT_OF_MEMORY),
        (
            Seen(
                deployment(rolled_out=False),
                [pod(state=waiting("ImagePullBackOff", "Back-off pulling image"))],
                {"diabetes-1": [{"reason": "Failed", "message": DENIED, "count": 2}]},
            ),
            Phase.EXITED,
            f"image '{IMAGE}' cannot be pulled (ImagePullBackOff): {DENIED}",
        ),
        (
            Seen(deployment(rolled_out=False), [pod(state=waiting("ErrImagePull", "manifest unknown"))]),
            Phase.STARTING,
            f"pulling image '{IMAGE}' again: manifest unknown",
        ),
        # one that crashes beside others that are ready is only late
        (
            Seen(
                deployment(rolled_out=False, replicas=2),
                [pod("a", ready=True), pod("b", state=BACK_OFF, last=CRASHED)],
            ),
            Phase.STARTING,
            "1 of 2 replicas ready; CrashLoopBackOff: back-off 10s restarting failed container",
        ),
        # paused: the condition that told whether all was rolled out is gone
        (
            Seen(paused(deployment(replicas=3), new=1, available=3), [pod(ready=True)]),
            Phase.STARTING,
            "paused; 1 of 3 replicas ready",
        ),
        (
            Seen(paused(deployment(), new=1, available=1, observed=1), [pod(ready=True)]),
            Phase.STARTING,  # the counts may be those of the revision before
            "paused; 1 of 1 replica ready",
        ),
        (
            Seen(paused(deployment(), new=1, available=1), [pod(ready=True)]),
            Phase.RUNNING,
            "1 of 1 replica ready",
        ),
        # serving
        (Seen(deployment(), [pod(ready=True)]), Phase.RUNNING, "1 of 1 replica ready"),
        (
            Seen(deployment(replicas=3), [pod(ready=True), pod("x", ready=True, ending=True)]),
            Phase.RUNNING,
            "1 of 3 replicas ready",
        ),
        (
            Seen(deployment(), [pod(ready=True, restarts=1, last=KILLED)]),
            Phase.RUNNING,
            f"1 of 1 replica ready; restarted once, the last time because: {OUT_OF_MEMORY}",
        ),
        (Seen(deployment(), [pod(restarts=1, last=KILLED)]), Phase.RUNNING, None),
        (Seen(deployment(), [pod(state=BACK_OFF, last=KILLED, restarts=2)]), Phase.EXITED, OUT_OF_MEMORY),
        (
            Seen(deployment(), [pod(conditions=[UNSCHEDULED])]),
            Phase.UNSCHEDULABLE,
            UNSCHEDULED["message"],
        ),
        # replaced by another revision
        (Seen(deployment(OLD), [pod(ready=True)]), Phase.RUNNING, "replaced by revision 2"),
        (Seen(deployment(OLD), [pod(ready=True, ending=True)]), Phase.GONE, "replaced by revision 2"),
        (Seen(deployment(OLD), [pod(key=OLD, ready=True)]), Phase.GONE, "replaced by revision 2"),
    ],
)
def test_observation(seen: Seen, phase: Phase, words: str | None) -> None:
    found = observe(seen, KEY, URL)
    assert found.phase is phase
    if words is not None:
        assert found.words == words


def test_an_observation_has_the_scripts_error_and_only_its_own_replicas() -> None:
    failed = observe(Seen(deployment(rolled_out=False), [pod(state={"terminated": CRASHED})]), KEY, URL)
    assert failed.error == RECORD
    several = Seen(deployment(replicas=2), [pod("a", ready=True), pod("b", ready=True), pod("c", OLD)])
    assert observe(several, KEY, URL) == Observation(
        Phase.RUNNING, url=URL, ready=2, words="2 of 2 replicas ready"
    )


def test_an_update_that_is_too_late_says_why() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    seen = Seen(
        deployment(rolled_out=False, replicas=2, conditions=[late]),
        [pod("a", ready=True), pod("b", last=CRASHED)],
    )
    found = observe(seen, KEY, URL)
    assert found.phase is Phase.EXITED
    assert found.words == "the update did not finish in time: 1 of 2 replicas ready; no such weight"


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"exitCode": 1}, "the container exited with code 1"),
        ({"exitCode": 137}, "the container was ended by signal SIGKILL"),
        ({"exitCode": 1, "message": "one\nlast line\n"}, "the container exited with code 1: last line"),
        ({"exitCode": 1, "message": '{"cut'}, 'the container exited with code 1: {"cut'),
        ({"exitCode": 3, "message": json.dumps(RECORD)}, "no such weight"),
    ],
)
def test_why_a_container_ended(ended: Mapping[str, Any], words: str) -> None:
    found = pods.failure(pod(state={"terminated": ended}))
    assert found is not None
    assert found.words == words


@pytest.mark.parametrize(
    ("text", "bytes_"), [("256Mi", 1 << 28), ("1Gi", 1 << 30), ("16416940Ki", 16416940 << 10), ("5", 5)]
)
def test_quantities(text: str, bytes_: int) -> None:
    assert pods.quantity(text) == bytes_


def test_the_most_that_a_node_has() -> None:
    nodes = [
        {"status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}},
        {"status": {"allocatable": {"cpu": "1500m", "memory": "8Gi"}}},
    ]
    assert largest(nodes) == "a node has at most 2 CPU cores and 8.0 GB of memory"
    assert largest([]) == ""


# -- the address --------------------------------------------------------------------------------------


def node(*addresses: tuple[str, str], ready: bool = True, name: str = "n") -> Mapping[str, Any]:
    return {
        "metadata": {"name": name},
        "status": {
            "addresses": [{"type": kind, "address": value} for kind, value in addresses],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def service(kind: str, **spec: Any) -> Mapping[str, Any]:
    ingress = spec.pop("ingress", None)
    port = {"port": spec.pop("port", 80), **({"nodePort": 30001} if kind != "ClusterIP" else {})}
    status = {"loadBalancer": {"ingress": [ingress]} if ingress else {}}
    return {"spec": {"type": kind, "clusterIP": "10.96.0.7", "ports": [port], **spec}, "status": status}


INTERNAL, EXTERNAL = ("InternalIP", "10.0.0.1"), ("ExternalIP", "52.1.1.1")


@pytest.mark.parametrize(
    ("found", "nodes", "scheme", "url"),
    [
        (None, [], "http", None),
        (service("NodePort"), [node(INTERNAL)], "http", "http://10.0.0.1:30001"),
        (service("NodePort"), [node(INTERNAL, EXTERNAL)], "https", "https://52.1.1.1:30001"),
        (
            service("NodePort"),
            [node(("InternalIP", "10.0.0.9"), ready=False, name="a"), node(INTERNAL, name="b")],
            "http",
            "http://10.0.0.1:30001",
        ),
        (service("NodePort"), [], "http", "http://api.example:30001"),
        (service("NodePort"), [node(("InternalIP", "fd00::1"))], "http", "http://[fd00::1]:30001"),
        (service("ClusterIP"), [node(INTERNAL)], "http", "http://10.96.0.7"),
        (service("ClusterIP", port=443), [], "https", "https://10.96.0.7"),
        (service("ClusterIP", clusterIP="None"), [], "http", None),
        (service("LoadBalancer"), [node(INTERNAL)], "http", None),
        (service("LoadBalancer", ingress={"ip": "20.1.1.1"}), [], "http", "http://20.1.1.1"),
        (service("LoadBalancer", ingress={"hostname": "lb.example"}), [], "http", "http://lb.example"),
    ],
)
def test_url(found: Any, nodes: Sequence[Any], scheme: str, url: str | None) -> None:
    assert address.url_of(found, nodes, scheme, host="api.example") == url


@pytest.mark.parametrize(
    ("setting", "is_inside", "kind"),
    [
        (None, False, "NodePort"),
        ("", True, "ClusterIP"),
        ("LoadBalancer", False, "LoadBalancer"),
        ("NodePort", True, "NodePort"),
    ],
)
def test_type_of_the_service(setting: str | None, is_inside: bool, kind: str) -> None:
    assert address.service_type(setting, is_inside=is_inside) == kind


def test_a_type_of_service_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="MLMAGIC_SERVICE_TYPE 'Ingress' must be one of ClusterIP"):
        address.service_type("Ingress", is_inside=False)


# -- images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "context", "way"),
    [
        ({"MLMAGIC_REGISTRY": "reg.example/team/"}, "kind-x", Delivery(registry="reg.example/team")),
        ({"MLMAGIC_REGISTRY": "https://reg.example"}, "", Delivery(registry="reg.example")),
        (
            {"MLMAGIC_REGISTRY": "reg.example", "MLMAGIC_PULL_SECRET": "mine"},
            "aks",
            Delivery(registry="reg.example", pull_secret="mine"),
        ),
        (
            {"MLMAGIC_IMAGE_LOADER": "sh -c 'load {image}'"},
            "kind-x",
            Delivery(command=["sh", "-c", "load {image}"]),
        ),
        ({}, "kind-dev", Delivery(command=["kind", "load", "docker-image", "{image}", "--name", "dev"])),
        ({}, "k3d-dev", Delivery(command=["k3d", "image", "import", "{image}", "--cluster", "dev"])),
        ({}, "minikube", Delivery(command=["minikube", "image", "load", "{image}"])),
        (
            {},
            "minikube-dev",
            Delivery(command=["minikube", "image", "load", "{image}", "--profile", "minikube-dev"]),
        ),
        ({}, "docker-desktop", Delivery()),
        (
            {"MLMAGIC_SERVING_IMAGE": "reg.example/serving:1", "MLMAGIC_PULL_SECRET": "mine"},
            "aks",
            Delivery(serving_image="reg.example/serving:1", pull_secret="mine"),
        ),
        (
            {"MLMAGIC_SERVING_IMAGE": "reg.example/serving:1", "MLMAGIC_REGISTRY": "reg.example"},
            "aks",
            Delivery(registry="reg.example"),
        ),
    ],
)
def test_way_to_the_nodes(environment: Mapping[str, str], context: str, way: Delivery) -> None:
    assert route(environment, context) == way


def test_no_way_to_the_nodes_says_what_to_set() -> None:
    with pytest.raises(TargetUnavailable, match="nodes of context 'aks'") as refused:
        route({}, "aks")
    assert "MLMAGIC_REGISTRY" in str(refused.value)
    assert "MLMAGIC_IMAGE_LOADER" in str(refused.value)
    assert "MLMAGIC_SERVING_IMAGE" in str(refused.value)
    with pytest.raises(InvalidConfig, match=r"must contain \{image\}"):
        route({"MLMAGIC_IMAGE_LOADER": "kind load"}, "aks")


@pytest.mark.parametrize(
    ("way", "name", "policy"),
    [
        (Delivery(registry="reg.example/team"), "reg.example/team/mlmagic/svc:1", "IfNotPresent"),
        (Delivery(command=["load", "{image}"]), "mlmagic/svc:1", "Never"),
    ],
)
def test_names_of_images_in_the_nodes(way: Delivery, name: str, policy: str) -> None:
    assert (way.name_of("mlmagic/svc:1"), way.pull_policy) == (name, policy)


# -- the cluster --------------------------------------------------------------------------------------


def test_without_a_configuration_there_is_one_line_that_offers_another_way(tmp_path: Path) -> None:
    with pytest.raises(TargetUnavailable, match="no Kubernetes cluster is configured") as refused:
        connection.current({"KUBECONFIG": str(tmp_path / "none")})
    assert "--target local" in str(refused.value)


@pytest.mark.together
def test_the_context_chooses_cluster_and_namespace(tmp_path: Path) -> None:
    contexts = [
        {"name": "one", "context": {"cluster": "c", "user": "u"}},
        {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
    ]
    file = tmp_path / "config"
    file.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": contexts,
                "current-context": "one",
            }
        )
    )
    known = {"KUBECONFIG": str(file)}
    assert connection.current(known) == connection.Address(str(file), "one", "default")
    assert connection.current(known, context="two") == connection.Address(str(file), "two", "team")
    with pytest.raises(TargetUnavailable, match=r"no context 'three' .*Choose one of one, two"):
        connection.current(known, context="three")


# -- what is whose, and logs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({}, "was not created by mlmagic"),
        ({"app.kubernetes.io/managed-by": "Helm"}, "is managed by Helm"),
        (
            {"app.kubernetes.io/managed-by": "mlmagic", "mlmagic.workspace": "b"},
            "belongs to another workspace",
        ),
    ],
)
def test_what_is_not_ours(labels: Mapping[str, str], words: str) -> None:
    found = {"metadata": {"labels": labels}}
    assert not releases.is_ours(found, {"mlmagic.workspace": "a"})
    assert releases.owner_of(found) == words


def test_the_record_of_a_scaled_revision_has_the_number_and_no_autoscaler() -> None:
    recorded = [
        {"kind": "Service", "spec": {}},
        {"kind": "Deployment", "spec": {"replicas": 1, "paused": False}},
        {"kind": "HorizontalPodAutoscaler", "spec": {}},
    ]
    assert records.scaled(recorded, 3) == [
        {"kind": "Service", "spec": {}},
        {"kind": "Deployment", "spec": {"replicas": 3, "paused": False}},
    ]


def test_what_kubelet_says_of_a_log_without_a_file_is_not_of_the_log() -> None:
    said = 'failed to try resolving symlinks in path "/var/log/pods/a_b_c/server/0.log": lstat ...'
    assert [*logs.written([said, "2026-01-01T00:00:01Z one", f"2026-01-01T00:00:02Z {said}"])] == [
        "2026-01-01T00:00:01Z one",
        f"2026-01-01T00:00:02Z {said}",
    ]


@pytest.mark.parametrize(
    ("streams", "tail", "lines"),
    [
        ([("svc-1-aaa", ["2026-01-01T00:00:01Z one"])], 9, ["one"]),
        (
            [
                ("svc-1-aaa", ["2026-01-01T00:00:01.5Z one", "2026-01-01T00:00:03Z three"]),
                ("svc-1-bbb", ["2026-01-01T00:00:01.52Z two"]),
            ],
            9,
            ["aaa one", "bbb two", "aaa three"],
        ),
        ([("svc-1-aaa", ["2026-01-01T00:00:01Z one", "2026-01-01T00:00:02Z two"])], 1, ["two"]),
        ([("svc-1-aaa", ["2026-01-01T00:00:01Z one"])], 0, []),
        ([], 9, []),
    ],
)
def test_logs_are_merged_by_time(
    streams: Sequence[tuple[str, Sequence[str]]], tail: int, lines: Sequence[str]
) -> None:
    assert [line.text for line in logs.merged(streams, tail)] == lines
