"""Which versions the router of an endpoint reaches."""

from __future__ import annotations

import pytest

from mlmagic.engine.endpoints.networks import Network, check_reachable
from mlmagic.errors import UsageError

HERE, ELSEWHERE = Network("docker", "unix:///var/run/docker.sock"), Network("docker", "tcp://10.0.0.5:2376")
CLUSTER, OTHER = Network("kubernetes", "kind-a"), Network("kubernetes", "kind-b")
PROCESS = Network("local")


@pytest.mark.parametrize(
    ("router", "version", "reached"),
    [
        (HERE, HERE, True),
        (CLUSTER, CLUSTER, True),
        (HERE, ELSEWHERE, False),
        (HERE, PROCESS, False),
        (CLUSTER, OTHER, False),
        (CLUSTER, HERE, False),
        (CLUSTER, PROCESS, False),
    ],
)
def test_a_router_elsewhere_reaches_its_own_network(router: Network, version: Network, reached: bool) -> None:
    if reached:
        check_reachable(router, version, "svc")
        return
    with pytest.raises(UsageError, match="'svc' runs on ") as refused:
        check_reachable(router, version, "svc")
    assert f"runs on {version}, where the router of the endpoint, on {router}, cannot" in str(refused.value)
    assert "--target local" in str(refused.value.hint)
