"""Holding a process to its size, really."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlmagic.targets.local.confinement import Affinity, confine, confinement_called, control_groups
from tests.support.processes import needs_root

BUSY = "import time\nend = time.monotonic() + 1.0\nwhile time.monotonic() < end: pass\n"
GREEDY = "held = bytearray(400 << 20)\nprint(len(held))\n"


def run(held: object, code: str) -> subprocess.Popen[str]:
    command = held.command([sys.executable, "-c", code])  # type: ignore[attr-defined]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    held.adopt(child.pid)  # type: ignore[attr-defined]
    return child


@pytest.mark.processes
def test_control_groups_hold_cores_and_tell_what_was_used() -> None:
    """As root, which the tests of a machine of their own are; elsewhere `Affinity` is what there is."""
    needs_root()
    held = confine(0.2, 0.5)
    assert held.words == "cgroups"
    child = run(held, BUSY)
    child.communicate(timeout=30)
    used = held.usage(child.pid)
    assert used.cpu_seconds < 0.5  # of a second of work
    assert used.throttled_seconds > 0.3
    assert used.peak_bytes > 1 << 20
    again = confinement_called(held.name)
    assert again is not None
    assert again.usage(child.pid) == used
    held.remove()
    assert confinement_called(held.name) is None


@pytest.mark.processes
def test_control_groups_end_what_takes_too_much_memory() -> None:
    needs_root()
    held = confine(1, 0.1)
    child = run(held, GREEDY)
    child.communicate(timeout=30)
    assert child.returncode == -9
    assert held.usage(child.pid).memory_kills == 1
    held.remove()


@pytest.mark.processes
def test_without_control_groups_whole_cores_and_a_limit_on_data(tmp_path: Path) -> None:
    held = confine(0.5, 0.2, root=tmp_path)
    assert isinstance(held, Affinity)
    assert "CPU affinity (1 core)" in held.words
    child = run(held, "import os, time\ntime.sleep(0.3)\nprint(len(os.sched_getaffinity(0)))\n" + GREEDY)
    deadline = time.monotonic() + 10
    while not held.usage(child.pid).memory_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held.usage(child.pid).memory_bytes > 0
    out, error = child.communicate(timeout=30)
    assert out.splitlines() == ["1"]
    assert "MemoryError" in error
    held.remove()


def test_what_cannot_be_made_gives_way(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "cgroup.subtree_control").mkdir()  # writing to it fails, as where others rule
    assert isinstance(confine(1, 1, root=tmp_path), Affinity)


def test_the_unified_hierarchy_is_told_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "cgroup.subtree_control").write_text("")
    held = confine(0.5, 0.25, root=tmp_path)
    folder = tmp_path / held.name
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert (folder / "memory.max").read_text() == str(1 << 28)
    (folder / "cpu.stat").write_text("usage_usec 1500000\nthrottled_usec 250000\n")
    (folder / "memory.stat").write_text("anon 1000\nfile 5000\n")
    (folder / "memory.peak").write_text("9000\n")
    (folder / "memory.events").write_text("low 0\noom_kill 2\n")
    used = held.usage(0)
    assert (used.cpu_seconds, used.throttled_seconds) == (1.5, 0.25)
    assert (used.memory_bytes, used.peak_bytes, used.memory_kills) == (1000, 9000, 2)
    assert str(folder / "cgroup.procs") in held.command(["true"])


def test_what_is_no_name_is_no_confinement(tmp_path: Path) -> None:
    assert confinement_called("") is None
    assert confinement_called("mlmagic-gone", root=tmp_path) is None
    assert control_groups(tmp_path) is None
