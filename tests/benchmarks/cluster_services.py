"""What 50 services in one namespace of a cluster cost: `python -m tests.benchmarks.cluster_services`.

They run no replica, as the measured work is that of the process which looks at them. The cluster is that of
the tests, with all its processes on this machine.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.kubernetes.snapshots import FRESH_SECONDS
from mlmagic.targets.kubernetes.target import KubernetesHandle
from tests.support.kubernetes import crowd
from tests.support.kubernetes_cluster import running


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=50)
    options.add_argument("--rounds", type=int, default=10)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the cluster is ended, too
    with running() as cluster, crowd.services(cluster, given.services) as handles:
        target = registry.load("kubernetes")
        target.observe(handles[0])  # connected, as a session is after its first look
        rounds = [_round(target, handles) for _ in range(given.rounds)]
        print(
            f"the status of {len(handles)} services: median {statistics.median(rounds) * 1000:.0f} ms, "
            f"longest {max(rounds) * 1000:.0f} ms"
        )


def _round(target: ComputeTarget[Any], handles: Sequence[KubernetesHandle]) -> float:
    """Seconds until all are observed, from the API and not from the last round's answers."""
    time.sleep(FRESH_SECONDS)
    began = time.perf_counter()
    for handle in handles:
        target.observe(handle)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
