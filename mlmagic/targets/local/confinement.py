"""Limits on the CPU and memory of a process of this machine, and a measure of what it uses.

With cgroups (as root, and in some containers) the limits are those of Docker and Kubernetes: fractions of a
core, and an end when the process runs out of memory. Without, a process is limited to whole cores by CPU
affinity, and in its memory by a limit on its data segment. `Confinement.words` says which.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path

from mlmagic.core.configuration import BYTES_PER_GB
from mlmagic.core.usage import Usage
from mlmagic.scoring.cgroups import CONFINEMENT_PREFIX, ROOT, below, own_groups
from mlmagic.targets.local.process import tree_of

PERIOD_US = 100_000
"""The period of Docker and Kubernetes: what a CPU limit does to latency depends on it."""
_JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1"; shift; n=$((n-1)); done; exec "$@"'
_LEAVE_SECONDS = 2.0


class Confinement(ABC):
    """The limits of one process tree. Another process finds them again by ``name``."""

    name: str
    words: str
    """What limits the process, for people."""

    @abstractmethod
    def command(self, command: list[str]) -> list[str]:
        """The command that runs ``command`` within the limits."""

    @abstractmethod
    def adopt(self, pid: int) -> None:
        """Apply the limits to a process that has just been started."""

    @abstractmethod
    def usage(self, pid: int) -> Usage:
        """What the process tree has used so far."""

    @abstractmethod
    def remove(self) -> None:
        """Remove the limits; the processes have ended."""


def confine(cpu: float, memory_gb: float, root: Path = ROOT) -> Confinement:
    """The best confinement that this machine allows, ready for a process."""
    groups = control_groups(root)
    if groups is not None:
        try:
            groups.limit(cpu, memory_gb)
        except OSError:
            groups.remove()
        else:
            return groups
    return Affinity(cpu, memory_gb)


def confinement_called(name: str, root: Path = ROOT) -> Confinement | None:
    """The confinement that `confine` created, in any process; None if there is none with this name."""
    groups = control_groups(root, name) if name else None
    return groups if groups is not None and groups.is_there else None


def control_groups(root: Path = ROOT, name: str = "") -> ControlGroups | None:
    """Cgroups below those of this process, not created yet; None if the machine has none."""
    name = name or f"{CONFINEMENT_PREFIX}{uuid.uuid4().hex[:12]}"
    own = own_groups()
    if (root / "cgroup.controllers").is_file():
        return UnifiedGroup(name, below(root, own.get("", "")))
    folders = {
        controller: below(root / controller, own.get(controller, "")) / name
        for controller in ("cpu", "cpuacct", "memory")
    }
    if not all(folder.parent.is_dir() for folder in folders.values()):
        return None
    return SeparateGroups(name, folders)


class ControlGroups(Confinement):
    """What both versions of Linux's cgroups share."""

    words = "cgroups"

    def __init__(self, name: str, folders: dict[str, Path]) -> None:
        self.name = name
        self._folders = folders

    @property
    def is_there(self) -> bool:
        return all(folder.is_dir() for folder in self._folders.values())

    def command(self, command: list[str]) -> list[str]:
        # The process joins the groups before it runs the command, so all that it uses counts.
        files = [str(folder / "cgroup.procs") for folder in self._folders.values()]
        return ["sh", "-c", _JOIN, "sh", str(len(files)), *files, *command]

    def adopt(self, pid: int) -> None:
        pass

    @abstractmethod
    def limit(self, cpu: float, memory_gb: float) -> None:
        """Create the groups. Raises `OSError` without the permission."""

    def remove(self) -> None:
        deadline = time.monotonic() + _LEAVE_SECONDS
        for folder in self._folders.values():
            while folder.is_dir():
                try:
                    folder.rmdir()
                except OSError:  # a process that has ended stays in its group until it is reaped
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.01)


class SeparateGroups(ControlGroups):
    """Cgroups version 1: a hierarchy for each controller."""

    def limit(self, cpu: float, memory_gb: float) -> None:
        for folder in self._folders.values():
            folder.mkdir()
        _write(self._folders["cpu"] / "cpu.cfs_period_us", PERIOD_US)
        _write(self._folders["cpu"] / "cpu.cfs_quota_us", _quota(cpu))
        size = _size(memory_gb)
        _write(self._folders["memory"] / "memory.limit_in_bytes", size)
        with contextlib.suppress(OSError):  # kernels that do not count swap have no such file
            _write(self._folders["memory"] / "memory.memsw.limit_in_bytes", size)

    def usage(self, pid: int) -> Usage:
        cpu, memory = self._folders["cpu"], self._folders["memory"]
        try:
            return Usage(
                _number(self._folders["cpuacct"] / "cpuacct.usage") / 1e9,
                # Without the page cache, which the kernel frees when it needs memory.
                _table(memory / "memory.stat").get("total_rss", 0),
                _number(memory / "memory.max_usage_in_bytes"),
                _table(cpu / "cpu.stat").get("throttled_time", 0) / 1e9,
                _table(memory / "memory.oom_control").get("oom_kill", 0),
            )
        except OSError:
            return Usage()


class UnifiedGroup(ControlGroups):
    """Cgroups version 2: one hierarchy."""

    def __init__(self, name: str, parent: Path) -> None:
        super().__init__(name, {"": parent / name})
        self._parent, self._folder = parent, parent / name

    def limit(self, cpu: float, memory_gb: float) -> None:
        (self._parent / "cgroup.subtree_control").write_text("+cpu +memory")
        self._folder.mkdir()
        (self._folder / "cpu.max").write_text(f"{_quota(cpu)} {PERIOD_US}")
        _write(self._folder / "memory.max", _size(memory_gb))
        with contextlib.suppress(OSError):
            _write(self._folder / "memory.swap.max", 0)

    def usage(self, pid: int) -> Usage:
        try:
            cpu = _table(self._folder / "cpu.stat")
            memory = _table(self._folder / "memory.stat")
            now = memory.get("anon", 0)
            try:
                peak = _number(self._folder / "memory.peak")
            except OSError:  # before Linux 5.19
                peak = _number(self._folder / "memory.current")
            kills = _table(self._folder / "memory.events").get("oom_kill", 0)
        except OSError:
            return Usage()
        return Usage(cpu.get("usage_usec", 0) / 1e6, now, peak, cpu.get("throttled_usec", 0) / 1e6, kills)


class Affinity(Confinement):
    """Whole cores by CPU affinity, and a limit on the data segment of the process."""

    name = ""

    def __init__(self, cpu: float, memory_gb: float) -> None:
        self._cores = max(1, math.ceil(cpu))
        self._bytes = _size(memory_gb)
        held = _cores_here()
        cores = min(self._cores, len(held)) if held else self._cores
        self.words = f"CPU affinity ({cores} core{'' if cores == 1 else 's'}) and RLIMIT_DATA"

    def command(self, command: list[str]) -> list[str]:
        return command

    def adopt(self, pid: int) -> None:
        import resource

        with contextlib.suppress(OSError, AttributeError):  # macOS has neither
            os.sched_setaffinity(pid, set(sorted(_cores_here())[: self._cores]))
        with contextlib.suppress(OSError, AttributeError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (self._bytes, self._bytes))

    def usage(self, pid: int) -> Usage:
        import psutil

        try:
            tree = tree_of(pid)
            times = [one.cpu_times() for one in tree]
            memory = sum(one.memory_info().rss for one in tree)
        except psutil.Error:
            return Usage()
        return Usage(sum(one.user + one.system for one in times), memory, memory)

    def remove(self) -> None:
        pass


def _cores_here() -> set[int]:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:
        return set(range(os.cpu_count() or 1))


def _quota(cpu: float) -> int:
    return max(1000, round(cpu * PERIOD_US))  # the kernel accepts no less than a millisecond


def _size(memory_gb: float) -> int:
    return round(memory_gb * BYTES_PER_GB)


def _write(file: Path, value: int) -> None:
    file.write_text(str(value), encoding="ascii")


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _table(file: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
