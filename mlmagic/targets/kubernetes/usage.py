"""What a replica uses, from the files of its container's control group.

Kubernetes' own metrics (metrics.k8s.io) are averages over a minute without a peak, and many clusters have
none. The control group counts from the start of the container, on every cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping

from mlmagic.core.usage import Usage

_ROOT = "/sys/fs/cgroup"
_FILES = (
    # version 2
    "cpu.stat", "memory.current", "memory.stat", "memory.peak", "memory.events",
    # version 1
    "cpuacct/cpuacct.usage", "cpu/cpu.stat", "memory/memory.stat", "memory/memory.max_usage_in_bytes",
    "memory/memory.oom_control",
)  # fmt: skip
PROGRAM = f"""
for name in {_FILES!r}:
    try:
        with open("{_ROOT}/" + name) as file:
            print(name, file.read(), sep="\\0", end="\\0")
    except OSError:
        pass
"""
"""A program that prints each file that is there: its name and its content.

It imports nothing, as what it uses counts as used by the replica.
"""
SECONDS = 1.0
"""So old a reading may be: each costs the replica about 15 ms of CPU."""


def usage_of(printed: bytes) -> Usage:
    """What one replica has used, from the output of `PROGRAM`."""
    parts = printed.decode(errors="replace").split("\0")
    files = dict(zip(parts[::2], parts[1::2], strict=False))
    return _of_version_2(files) if "memory.current" in files else _of_version_1(files)


class Readings:
    """The newest reading of each service: several within `SECONDS` are the same object."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Hashable, tuple[float, Usage]] = {}

    def of(self, service: Hashable, read: Callable[[], Usage]) -> Usage:
        """The newest reading, made by ``read`` if it is too old."""
        known = self._known.get(service)
        if known is None or self._clock() - known[0] >= SECONDS:
            used = read()
            known = self._known[service] = self._clock(), used
        return known[1]

    def forget(self, service: Hashable) -> None:
        """The service has changed: read again."""
        self._known.pop(service, None)


def total(found: Iterable[Usage]) -> Usage:
    """The sum over all replicas."""
    several = list(found)
    return Usage(
        sum(each.cpu_seconds for each in several),
        sum(each.memory_bytes for each in several),
        sum(each.peak_bytes for each in several),
        sum(each.throttled_seconds for each in several),
        sum(each.memory_kills for each in several),
    )


def _of_version_2(files: Mapping[str, str]) -> Usage:
    cpu, memory = _table(files.get("cpu.stat", "")), _table(files.get("memory.stat", ""))
    now = memory.get("anon") or _number(files["memory.current"])
    return Usage(
        cpu.get("usage_usec", 0) / 1e6,
        now,
        _number(files.get("memory.peak", "")) or now,
        cpu.get("throttled_usec", 0) / 1e6,
        _table(files.get("memory.events", "")).get("oom_kill", 0),
    )


def _of_version_1(files: Mapping[str, str]) -> Usage:
    now = _table(files.get("memory/memory.stat", "")).get("total_rss", 0)
    return Usage(
        _number(files.get("cpuacct/cpuacct.usage", "")) / 1e9,
        now,
        _number(files.get("memory/memory.max_usage_in_bytes", "")) or now,
        _table(files.get("cpu/cpu.stat", "")).get("throttled_time", 0) / 1e9,
        _table(files.get("memory/memory.oom_control", "")).get("oom_kill", 0),
    )


def _table(text: str) -> dict[str, int]:
    """The numbers of a file with a name and a number on each line."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
