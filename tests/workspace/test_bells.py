from __future__ import annotations

import select
import subprocess
import sys

import pytest

from mlmagic.workspace import identity
from mlmagic.workspace.bells import sweep_bells
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory


def _rings(bell: object, seconds: float) -> bool:
    return bool(select.select([bell], [], [], seconds)[0])


def test_a_ring_is_heard_by_all_and_then_silent(memory: Memory) -> None:
    with memory.bell() as one, memory.bell() as two:
        memory.ring()
        assert _rings(one, 5)
        assert _rings(two, 5)
        one.hush()
        assert not _rings(one, 0)


def test_a_commit_rings_and_a_failure_does_not(memory: Memory) -> None:
    with memory.bell() as bell:
        with pytest.raises(RuntimeError), memory.writing():
            raise RuntimeError
        assert not _rings(bell, 0)
        with memory.writing():
            pass
        assert _rings(bell, 5)


def test_a_closed_bell_leaves_no_name(memory: Memory) -> None:
    memory.bell().close()
    assert list(memory.bells_folder.iterdir()) == []
    memory.ring()


@pytest.mark.processes
def test_the_bells_of_the_dead_are_taken_away(memory: Memory) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mlmagic.workspace.bells import Bell\n"
        "Bell(Path(sys.argv[1]))\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(memory.bells_folder)], check=False)
    with memory.bell():
        assert len(list(memory.bells_folder.iterdir())) == 2
        sweep_bells(memory.bells_folder)
        assert len(list(memory.bells_folder.iterdir())) == 1


def test_a_machine_is_told_apart_by_more_than_its_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = identity.machine.__wrapped__
    monkeypatch.setattr(identity.socket, "gethostname", lambda: "jupyter")
    names = set()
    for number in (b"0123\n", b"4567\n", b""):
        monkeypatch.setattr(identity.Path, "read_bytes", lambda path, number=number: number)
        names.add(machine())
    assert len(names) == 3
    assert all(name.startswith("jupyter") for name in names)


def test_identities() -> None:
    me = ProcessIdentity.current()
    assert ProcessIdentity.parse(str(me)) == ProcessIdentity(me.host, me.pid, round(me.started, 2))
    assert not me.dead
    assert ProcessIdentity(me.host, me.pid, me.started - 100).dead  # the pid is used again
    assert not ProcessIdentity("elsewhere", 1, 0.0).dead  # who knows
    assert ProcessIdentity.owner_of(me.mark()) == ProcessIdentity.parse(str(me))
    assert ProcessIdentity.parse("nonsense") is None
