"""A notebook of Azure ML's Kubernetes target, unchanged, on a real cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import run_document
from tests.support.kubernetes_cluster import wait_until_nothing_is_left

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]  # the first starts the cluster


def test_a_notebook_of_aks_runs_as_written(cluster: Cluster, tmp_path: Path) -> None:
    run_document("aks_controlled_rollout", tmp_path, {"MLMAGIC_COMPUTE": "aks=kubernetes"}, timeout=600)
    wait_until_nothing_is_left(cluster)
