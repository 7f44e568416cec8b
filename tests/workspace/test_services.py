from __future__ import annotations

import subprocess
import sys
import time

import pytest
from sqlalchemy import update

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.workspace import events, services
from mlmagic.workspace.database import services as table
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory

ME = ProcessIdentity.current().mark()
OTHER = ProcessIdentity.current().mark()
REVISION = Revision(
    1, ("m:1",), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3"
)


def _create(memory: Memory, holder: str | None = None, name: str = "svc") -> Webservice:
    with memory.writing() as tx:
        return services.create(tx, name, REVISION, holder)


def test_a_new_service(memory: Memory) -> None:
    made = _create(memory)
    assert (made.state, made.desired, made.revision, made.models) == (
        State.TRANSITIONING,
        Desired.RUNNING,
        1,
        ("m:1",),
    )
    with memory.reading() as tx:
        assert services.get(tx, "svc") == made
        assert services.get_revision(tx, made.id, 1) == REVISION
        with pytest.raises(NotFound, match="Did you mean 'svc'"):
            services.get(tx, "svg")
    with pytest.raises(AlreadyExists, match="%update svc"):
        _create(memory)


def test_revisions_are_numbered_for_ever(memory: Memory) -> None:
    made = _create(memory)
    with memory.writing() as tx:
        assert services.revise(tx, made, REVISION).revision == 2
        services.forget_revision(tx, made.id, 2)
        assert services.revise(tx, made, REVISION).revision == 3
        assert services.revision_numbers(tx, made.id) == [1, 3]


def test_what_is_seen_counts_only_while_the_wish_is_the_same(memory: Memory) -> None:
    seen = _create(memory)
    with memory.writing() as tx:
        services.want(tx, seen, Desired.STOPPED)
    with memory.writing() as tx:
        healthy = {"state": State.HEALTHY.value}
        assert not services.observe(tx, seen, healthy, kind=EventKind.STATE_CHANGED, message="Healthy")
        assert services.get(tx, "svc").state is State.TRANSITIONING
        assert [event.kind for event in events.after(tx, 0)] == [
            EventKind.DEPLOY_REQUESTED,
            EventKind.STOP_REQUESTED,
        ]


def test_a_lease_is_one_holders(memory: Memory) -> None:
    _create(memory, ME, "mine")
    _create(memory, OTHER, "another")
    _create(memory, None, "nobodys")
    with memory.writing() as tx:
        assert services.needs_lease(tx, ME, 0.0)
        assert [service.name for service in services.lease(tx, ME)] == ["mine", "nobodys"]
        assert not services.needs_lease(tx, ME, 0.0)
        assert [service.name for service in services.held(tx, OTHER)] == ["another"]
        services.release_leases(tx, OTHER)
        assert [service.name for service in services.lease(tx, ME)] == ["another", "mine", "nobodys"]


def test_a_lease_runs_out_and_is_renewed_before(memory: Memory) -> None:
    _create(memory, OTHER)
    with memory.writing() as tx:
        assert services.needs_lease(tx, OTHER, services.LEASE_SECONDS + 1)
        tx.execute(update(table).values(lease_until=time.time() - 1))
        assert [service.name for service in services.lease(tx, ME)] == ["svc"]


@pytest.mark.processes
def test_a_dead_holders_lease_is_free_at_once(memory: Memory) -> None:
    code = "from mlmagic.workspace.identity import ProcessIdentity as P; print(P.current().mark())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _create(memory, done.stdout.strip())
    with memory.writing() as tx:
        assert [service.name for service in services.lease(tx, ME)] == ["svc"]


def test_removing_a_service_removes_all_of_it(memory: Memory) -> None:
    made = _create(memory)
    with memory.writing() as tx:
        services.remove(tx, made, "deleted svc")
        assert services.list_services(tx) == []
        assert services.revision_numbers(tx, made.id) == []
        assert events.after(tx, 0)[-1].kind is EventKind.DELETED
