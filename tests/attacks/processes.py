"""The processes of a workspace on the target local: its kernel, daemon, zygote and servers."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

import mlmagic.scoring.report as run_report
from tests.support.processes import daemons_of

ROOT = Path(__file__).parents[2]


class Kernel:
    """A process that deploys and supervises (see `tests.attacks.kernel`); it may be killed at any time."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.kernel", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, **order: str) -> None:
        """Have a verb carried out; returns at once."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def answer(self, timeout: float) -> dict[str, object] | None:
        """The answer to an order; None if the kernel has ended, or ``timeout`` seconds have passed."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            return None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line.endswith(b"\n") else None

    def reap(self) -> None:
        """Forget a kernel that was killed."""
        self._process.kill()
        self._process.communicate()

    def close(self, timeout: float) -> None:
        """Let it end by itself, as at the end of a notebook's session."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout)
        self.reap_output()

    def reap_output(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()


def servers_of(folder: Path) -> list[int]:
    """The pids of all servers that run, of each revision."""
    found = []
    for run_dir in folder.glob("services/*/r*"):
        with suppress(OSError):
            report = run_report.read_report(run_dir)
            if report is not None and run_report.holder_alive(run_dir):
                found.append(report.pid)
    return sorted(found)


def daemons(folder: Path) -> list[int]:
    """The supervisor daemons; there is one, or none."""
    return [process.pid for process in daemons_of(folder)]


def zygotes_of(kernel: Kernel) -> list[int]:
    """The zygote of a kernel, if it runs; what is forked from it is no child of the kernel."""
    with suppress(psutil.Error):
        return [
            child.pid
            for child in psutil.Process(kernel.pid).children()
            if "mlmagic.scoring.zygote" in " ".join(child.cmdline())  # it has a title
        ]
    return []


def existing(pids: Iterable[int]) -> set[psutil.Process]:
    """Those that run, each with the time of its start: a pid may be used again."""
    found = set()
    for pid in pids:
        with suppress(psutil.Error):
            found.add(psutil.Process(pid))
    return found


def kill(pid: int) -> bool:
    """kill -9; whether the process was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def left_over(folder: Path, seen: set[psutil.Process]) -> Iterator[str]:
    """The processes that belong to a workspace's folder, and those of ``seen`` that still run."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process in seen or any(str(folder) in place for place in _places(process)):
                yield f"{process.pid}: {' '.join(process.cmdline())}"


def _places(process: psutil.Process) -> Iterator[str]:
    sources: tuple[Callable[[], list[str]], ...] = (
        lambda: [" ".join(process.cmdline())],  # its title, in which words have no ends
        lambda: [process.cwd()],
        lambda: list(process.environ().values()),
        lambda: [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in (1, 2)],
    )
    for source in sources:
        with suppress(psutil.Error, OSError):
            yield from source()
