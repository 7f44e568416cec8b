from __future__ import annotations

import errno
import os
import select
import subprocess
import sys

import psutil
import pytest

from mlmagic.workspace import identity
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.wakeup import Patience, remove_dead_listeners


def _rings(listener: object, seconds: float) -> bool:
    return bool(select.select([listener], [], [], seconds)[0])


def test_a_ring_is_heard_by_all_and_then_silent(memory: Memory) -> None:
    with memory.listener() as one, memory.listener() as two:
        memory.notify_all()
        assert _rings(one, 5)
        assert _rings(two, 5)
        one.clear()
        assert not _rings(one, 0)


def test_a_commit_rings_and_a_failure_does_not(memory: Memory) -> None:
    with memory.listener() as listener:
        with pytest.raises(RuntimeError), memory.writing():
            raise RuntimeError
        assert not _rings(listener, 0)
        with memory.writing():
            pass
        assert _rings(listener, 5)


def test_a_closed_bell_leaves_no_name(memory: Memory) -> None:
    memory.listener().close()
    assert list(memory.wakeup_folder.iterdir()) == []
    memory.notify_all()


@pytest.mark.parametrize(
    ("signals", "later", "pause"),
    [
        (1, 0.0, 0.0),
        (2, 0.0, 0.0),
        (3, 0.0, 0.5),
        (3, 0.2, 0.3),
        (3, 0.5, 0.0),
        (4, 0.0, 1.0),
    ],
)
def test_false_signals_are_borne_so_many_at_once_and_per_second(
    signals: int, later: float, pause: float
) -> None:
    patience = Patience(at_once=3, per_second=2)
    for _ in range(signals):
        patience.spend(100.0)
    assert patience.pause(100.0 + later) == pytest.approx(pause)


def test_true_signals_cost_no_patience() -> None:
    patience = Patience(at_once=3, per_second=2)
    for _ in range(1000):
        patience.spend(100.0)
        patience.restore()
    assert patience.pause(100.0) == 0


def test_a_long_silence_is_not_saved_up() -> None:
    patience = Patience(at_once=3, per_second=2)
    for _ in range(3):
        patience.spend(1e6)
    assert patience.pause(1e6) == 0.5


@pytest.mark.processes
def test_the_bells_of_the_dead_are_taken_away(memory: Memory) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mlmagic.workspace.wakeup import WakeupListener\n"
        "WakeupListener(Path(sys.argv[1]))\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(memory.wakeup_folder)], check=False)
    with memory.listener():
        assert len(list(memory.wakeup_folder.iterdir())) == 2
        remove_dead_listeners(memory.wakeup_folder)
        assert len(list(memory.wakeup_folder.iterdir())) == 1


@pytest.mark.parametrize("fails", ["remove_dead_listeners", "run_folders.sweep"])
def test_a_workspace_opens_on_a_disk_from_which_nothing_can_be_removed(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(f"mlmagic.workspace.memory.{fails}", fail)
    Memory(memory.location).close()
    assert "left behind was not removed. [Errno 5] Input/output error" in caplog.text


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
    assert ProcessIdentity.parse(str(me)) == me
    assert not me.dead
    ticks, _, boot = me.started.partition("-")
    assert ProcessIdentity(me.host, me.pid, f"{int(ticks) - 100}-{boot}").dead  # the pid is used again
    assert ProcessIdentity(me.host, me.pid, f"{ticks}-0123456789ab").dead  # the machine was started again
    assert ProcessIdentity(me.host, me.pid, "").dead
    assert not ProcessIdentity("elsewhere", 1, "1.0").dead  # who knows
    assert ProcessIdentity.owner_of(me.mark()) == ProcessIdentity.parse(str(me))
    assert ProcessIdentity.parse("nonsense") is None


def test_an_identity_written_by_an_earlier_version() -> None:
    started = psutil.Process().create_time()
    machine = identity.machine()
    alive = ProcessIdentity.parse(f"{machine}@{os.getpid()}-{started:.2f}")
    dead = ProcessIdentity.parse(f"{machine}@{os.getpid()}-{started - 100:.2f}")
    assert alive is not None
    assert dead is not None
    assert (alive.dead, dead.dead) == (False, True)


def test_a_step_of_the_clock_leaves_living_processes_alive(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration that is under way keeps its files, and a listener its file."""
    with memory.listener() as listener, memory.files.intake() as intake:
        stored = intake.take_bytes(b"half of a model", "m.bin")
        boot = psutil.boot_time()
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 100)
        Memory(memory.location).close()  # sweeps
        with memory.writing():
            intake.publish()
        memory.notify_all()
        assert select.select([listener], [], [], 10)[0]
    assert memory.files.path(stored.digest).exists()
