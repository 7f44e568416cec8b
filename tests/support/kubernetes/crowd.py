"""Many services in one namespace of the tests' cluster, which run no replica and so cost next to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.kubernetes.target import KubernetesHandle
from tests.support.kubernetes.cluster import PAUSE_IMAGE

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

NAMESPACE = "crowd"
_OWNER = {"mlmagic.workspace": "c" * 12}


@contextmanager
def services(cluster: Cluster, count: int) -> Iterator[list[KubernetesHandle]]:
    """The handles of ``count`` services, whose objects are removed afterwards."""
    handles = [
        KubernetesHandle(
            str(cluster.kubeconfig), "tests", NAMESPACE, f"svc-{number:03}", f"{number:012x}", _OWNER
        )
        for number in range(count)
    ]
    items = [each for handle in handles for each in _objects(handle)]
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        cluster.kubectl("create", "-n", NAMESPACE, "-f", "-", given=given)
        yield handles
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _objects(handle: KubernetesHandle) -> list[objects.Object]:
    workload = objects.Workload(
        handle.name,
        PAUSE_IMAGE,
        DeploymentConfig("kubernetes"),
        labels=handle.owner,
        revision={objects.KEY: handle.key, objects.REVISION: "1"},
    )
    found = objects.objects_of(workload)
    for each in found:
        if each["kind"] == "Deployment":
            each["spec"]["replicas"] = 0
    return found
