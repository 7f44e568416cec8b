from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from sqlalchemy import update

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.workspace import events, identity, leases, services
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


def test_a_holder_whose_lease_was_taken_writes_nothing(memory: Memory) -> None:
    _create(memory, ME)
    with memory.writing() as tx:
        [seen] = services.lease(tx, ME)
        assert services.lease(tx, ME) == [seen]  # a renewal is no change of hands
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        services.lease(tx, OTHER)
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        [again] = services.lease(tx, ME)
        before = services.get(tx, "svc")
        assert not services.observe(tx, seen, {"state": State.HEALTHY.value}, kind=EventKind.STATE_CHANGED)
        assert not services.note_replacements(tx, seen, [])
        services.note_stats(tx, seen, {"requests": 1})
        assert services.get(tx, "svc") == before == again
        assert services.observe(tx, again, {"state": State.HEALTHY.value})


def test_a_lease_runs_out_and_is_renewed_before(memory: Memory) -> None:
    _create(memory, OTHER)
    with memory.writing() as tx:
        assert services.needs_lease(tx, OTHER, services.LEASE_SECONDS + 1)
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        assert [service.name for service in services.lease(tx, ME)] == ["svc"]


@pytest.mark.parametrize(
    ("holder", "seconds_left", "machine", "free"),
    [
        ("elsewhere", 5, None, False),  # its pid is none of ours: it may well live
        ("elsewhere", -1, None, True),
        ("elsewhere", -1, "elsewhere", False),  # the service is that machine's
        (None, 0, "elsewhere", False),
        (None, 0, "here", True),
        ("here", 5, "here", True),  # a pid of ours, and no such process is there
    ],
)
def test_which_leases_are_free(
    memory: Memory, holder: str | None, seconds_left: float, machine: str | None, free: bool
) -> None:
    hosts = {"here": identity.machine(), "elsewhere": "elsewhere"}
    pid = 2**22 + 1  # no kernel gives it away
    with memory.writing() as tx:
        services.create(tx, "svc", REVISION, None, machine=machine and hosts[machine])
        mark = ProcessIdentity(hosts[holder], pid, "1.0").mark() if holder else None
        until = leases.clock(tx) + seconds_left
        tx.execute(update(table).values(lease_holder=mark, lease_until=until))
        assert services.needs_lease(tx, ME, 0.0) == free
        assert bool(services.lease(tx, ME)) == free


def test_another_machines_service_is_abandoned_when_nobody_renews_its_lease(memory: Memory) -> None:
    elsewhere = ProcessIdentity("elsewhere", 1, "1.0").mark()
    with memory.writing() as tx:
        mine = services.create(tx, "mine", REVISION, None, machine=identity.machine())
        anybodys = services.create(tx, "anybodys", REVISION, None)
        theirs = services.create(tx, "theirs", REVISION, elsewhere, machine="elsewhere")
        assert services.names(tx, for_machine=identity.machine()) == ["anybodys", "mine"]
        assert services.names(tx, for_machine="elsewhere") == ["anybodys", "theirs"]
        assert not services.is_abandoned(tx, theirs)
        long_ago = leases.clock(tx) - services.ABANDONED_SECONDS - 1
        tx.execute(update(table).values(lease_until=long_ago))
        assert services.is_abandoned(tx, theirs)
        assert not services.is_abandoned(tx, mine)
        assert not services.is_abandoned(tx, anybodys)


def test_leases_go_by_the_clock_of_the_database(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4e9)  # a machine whose clock is wrong takes nothing from others
    _create(memory, ProcessIdentity("elsewhere", 1, "1.0").mark())
    monkeypatch.undo()
    with memory.writing() as tx:
        assert services.lease(tx, ME) == []
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        assert len(services.lease(tx, ME)) == 1


@pytest.mark.parametrize(
    ("until", "now", "seconds"),
    [
        (110.0, 100.0, None),
        (99.0, 100.0, 1.0),
        (5000.0, 100.0, 100.0),  # of the boot before this one
        (1.7e9, 100.0, 100.0),  # by the clock of an earlier version
        (1.7e9 + 500, 1.7e9, None),  # a server whose clock was set back
    ],
)
def test_when_a_lease_is_over(until: float, now: float, seconds: float | None) -> None:
    assert leases.is_over(until, now) == (seconds is not None)
    assert leases.seconds_over(until, now) == (seconds or 0.0)


def test_how_long_a_service_had_no_supervisor(memory: Memory) -> None:
    held, released = _create(memory, ME, "held"), _create(memory, ME, "released")
    never = _create(memory, None, "never")
    with memory.writing() as tx:
        late = {"lease_until": leases.clock(tx) - 60}
        tx.execute(update(table).where(table.c.id == released.id).values(**late))
        tx.execute(update(table).where(table.c.id == never.id).values(created_time=time.time() - 600))
        found = services.unsupervised_seconds(tx)
    assert found[held.id] == 0
    assert 60 <= found[released.id] < 120
    assert 600 <= found[never.id] < 660


def test_which_services_have_an_idle_timeout(memory: Memory) -> None:
    idles = replace(REVISION, config=DeploymentConfig("fake", idle_timeout_seconds=60))
    made = _create(memory)
    with memory.writing() as tx:
        services.revise(tx, made, idles)
        assert services.with_idle_timeout(tx) == set()
        tx.execute(update(table).values(serving=1))
        assert services.with_idle_timeout(tx) == set()
        tx.execute(update(table).values(serving=2))
        assert services.with_idle_timeout(tx) == {made.id}


@pytest.mark.parametrize("step", [-100.0, 100.0])
def test_a_step_of_the_clock_costs_no_living_process_its_lease(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    _create(memory, ProcessIdentity.of(os.getppid()).mark())
    _set_clock(monkeypatch, step)
    with memory.writing() as tx:
        assert services.lease(tx, ME) == []


@pytest.mark.processes
def test_a_dead_holders_lease_is_free_at_once(memory: Memory) -> None:
    code = "from mlmagic.workspace.identity import ProcessIdentity as P; print(P.current().mark())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _create(memory, done.stdout.strip())
    with memory.writing() as tx:
        assert [service.name for service in services.lease(tx, ME)] == ["svc"]


def _set_clock(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    """Set the system's clock: the time changes, and with it the time at which the system says it booted."""
    real, boot = time.time, psutil.boot_time()
    monkeypatch.setattr(time, "time", lambda: real() + step)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + step)
    monkeypatch.setattr("psutil._pslinux.BOOT_TIME", boot + step, raising=False)


def test_removing_a_service_removes_all_of_it(memory: Memory) -> None:
    made = _create(memory)
    with memory.writing() as tx:
        services.remove(tx, made, "deleted svc")
        assert services.list_services(tx) == []
        assert services.revision_numbers(tx, made.id) == []
        assert events.after(tx, 0)[-1].kind is EventKind.DELETED
