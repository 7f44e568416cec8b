from __future__ import annotations

import pytest

from tests.support.kubernetes.cluster import Cluster
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]  # the first starts the cluster

_POD = """
apiVersion: v1
kind: Pod
metadata: {name: paused}
spec:
  nodeName: node2
  containers: [{name: paused, image: "mlmagic-tests-pause:1", imagePullPolicy: Never}]
  terminationGracePeriodSeconds: 0
"""


def test_both_nodes_run_pods(cluster: Cluster) -> None:
    assert [node["metadata"]["name"] for node in cluster.get("nodes")["items"]] == ["node1", "node2"]
    cluster.kubectl("apply", "-f", "-", given=_POD)
    wait_for(lambda: cluster.get("pod", "paused")["status"]["phase"] == "Running", "the pod")
    cluster.kubectl("delete", "pod", "paused")
