"""A server's process tree: started in a group of its own, watched, and ended whole."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.benchmarks.peers.servers import HOST, Place, Server, variables

SERVER_CORE, CLIENT_CORE = 0, 1
GRACE_S = 3.0


def on_server_cores(command: list[str], workers: int = 1) -> list[str]:
    """The command, so that it runs on the core of the servers; on all cores with several workers."""
    cores = [_core(SERVER_CORE)] if workers == 1 else _CORES
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


class Tree:
    """A running server and all that it started."""

    def __init__(
        self, command: list[str], environment: dict[str, str], folder: Path, workers: int = 1
    ) -> None:
        self.log = folder / "log.txt"
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        self._known: dict[int, psutil.Process] = {}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                on_server_cores(command, workers),
                cwd=folder,
                env=inherited | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the first process is there."""
        return self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """The first process and its descendants, those that are alive."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._process.pid)
            for process in (first, *first.children(recursive=True)):
                self._known.setdefault(process.pid, process)
        return [process for process in self._known.values() if process.is_running()]

    def cpu_seconds(self) -> float:
        """User and system time of the tree so far."""
        spent = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    def pss_mb(self) -> float:
        """Memory of the tree, each shared page divided among those who share it."""
        kilobytes = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def last_words(self, lines: int = 1) -> str:
        """The end of what it wrote."""
        written = self.log.read_text(errors="replace").splitlines()
        return " ".join([line.strip() for line in written if line.strip()][-lines:])

    def stop(self) -> None:
        """End the whole tree, politely and then not."""
        everyone = self.processes()
        for how, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            for process in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(how)
            _, everyone = psutil.wait_procs(everyone, timeout=patience)
            if not everyone:
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)


@contextlib.contextmanager
def running(server: Server, place: Place) -> Iterator[Tree]:
    """The server's tree, for as long as the block lasts."""
    tree = Tree(server.command(place), variables(server, place), place.folder, place.workers)
    try:
        yield tree
    finally:
        tree.stop()


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on the loopback that nobody holds just now: most peers cannot be asked to choose one."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return tuple(each.getsockname()[1] for each in sockets)


def stay_on_client_core() -> None:
    """Keep the harness, and what it starts to load the servers, away from their core."""
    os.sched_setaffinity(0, {_core(CLIENT_CORE)})


_CORES = sorted(os.sched_getaffinity(0))


def _core(number: int) -> int:
    return _CORES[min(number, len(_CORES) - 1)]
