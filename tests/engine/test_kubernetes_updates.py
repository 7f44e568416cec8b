"""Updates of a service in a Kubernetes cluster: held while two revisions answer, and gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from tests.support.engines import script
from tests.support.keep_alive import keep_alive_clients
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

# The first starts the cluster.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]
_LONG = 120.0


def hold_an_update(engine: Engine, name: str) -> None:
    """Update the service to another script, and hold that before all replicas are replaced."""
    engine.services.update("svc", inference=script(name))
    wait_for(lambda: engine.services.get("svc").candidate_handle is not None, "the launch", timeout=_LONG)
    engine.rolling_updates.pause("svc")
    wait_for(
        lambda: engine.services.get("svc").words.startswith("paused; "),
        lambda: f"the pause, not {engine.services.get('svc')}",
        timeout=_LONG,
    )


@pytest.mark.usefixtures("without_haste")
def test_an_update_is_paused_and_resumed_and_a_rollback_ends_a_pause(
    engine: Engine, cluster: Cluster
) -> None:
    three = replace(ON_KUBERNETES, num_replicas=3)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), three))
    assert service.url is not None

    def revisions() -> int:
        """The revisions of which pods run."""
        return len({pod["metadata"]["labels"]["mlmagic.key"] for pod in cluster.get("pods")["items"]})

    with keep_alive_clients(service.url) as tally:
        hold_an_update(engine, "other")
        wait_for(lambda: revisions() == 2, "pods of both revisions", timeout=_LONG)
        assert engine.services.get("svc").serving == 1
        engine.rolling_updates.resume("svc")
        updated = engine.services.wait(engine.services.get("svc"))
        assert (updated.state, updated.serving) == (State.HEALTHY, 2)
        hold_an_update(engine, "echo")
        back = engine.services.wait(engine.services.rollback("svc").service)
        assert back.state is State.HEALTHY
        wait_for(lambda: revisions() == 1, "pods of one revision", timeout=_LONG)
        wait_for(
            lambda: engine.services.get("svc").words == "3 of 3 replicas ready",
            lambda: f"all replicas, not {engine.services.get('svc')}",
            timeout=_LONG,
        )
    assert tally.lost == []
