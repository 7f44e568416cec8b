"""The workers of a service, as their dispatcher sees them: forked, heard, given connections, ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.scoring import report
from mlmagic.scoring.preload import forget_chance
from mlmagic.scoring.process_title import show_service
from mlmagic.scoring.report import replica_folder
from mlmagic.scoring.settings import MOST_WORKERS
from mlmagic.scoring.workers.balancing import least_connections
from mlmagic.scoring.workers.channel import SHARED, WorkerChannel, hand_over
from mlmagic.scoring.workers.counts import Counts

_PLACES = 2 * MOST_WORKERS + 1
"""Workers that finish their requests have a place, too."""
_KILL_S = 2.0
"""So much longer than the grace a worker may take to end."""


@dataclass(slots=True, eq=False)
class Worker:
    """One worker."""

    number: int
    """From 1."""
    pid: int
    channel: socket.socket
    since: float
    """When it was started, or told to end, by the monotonic clock."""
    serves: bool = False
    finishing: bool = False
    """Whether it was told to end."""
    handed: int = 0
    """How many connections it has got."""
    error: dict[str, Any] | None = None
    """The record of the error for which it ends."""
    heard: bytes = b""
    """What it has sent since the last whole line."""


@dataclass(slots=True)
class WorkerPool:
    """All workers of one service."""

    selector: selectors.BaseSelector
    run_dir: Path | None
    host: str
    on_ready: Callable[[], None]
    """Called when a worker serves."""
    workers: dict[int, Worker] = field(default_factory=dict)
    counts: Counts = field(default_factory=lambda: Counts(_PLACES))
    last: int = 0
    """The worker that got the last connection."""

    @property
    def present(self) -> list[Worker]:
        """Those that serve or start, in the order of their numbers."""
        return sorted((each for each in self.workers.values() if not each.finishing), key=lambda e: e.number)

    @property
    def serving(self) -> dict[int, Worker]:
        """Those that get connections."""
        return {each.number: each for each in self.present if each.serves}

    def start(self, close: Iterable[socket.socket | None]) -> WorkerChannel | None:
        """Fork a worker: its channel in the new process, which closes ``close``; None in this one."""
        number = next(each for each in range(1, _PLACES + 1) if each not in self.workers)
        ours, its = socket.socketpair()
        self.counts.clear(number - 1)
        folder = replica_folder(self.run_dir, number) if self.run_dir is not None else None
        if folder is not None:
            folder.mkdir(exist_ok=True)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pid = os.fork()
        if pid == 0:
            _become_worker()
            show_service(f"worker {number}")
            self.selector.close()  # only our descriptor of it: the dispatcher's goes on
            for sock in (ours, *close, *(worker.channel for worker in self.workers.values())):
                if sock is not None:
                    sock.close()
            its.setblocking(False)
            return WorkerChannel(number, self.host, its, folder, self.counts)
        its.close()
        ours.setblocking(False)
        self.workers[number] = worker = Worker(number, pid, ours, time.monotonic())
        self.selector.register(ours, selectors.EVENT_READ, partial(self._hear, worker))
        return None

    def hand_over(self, connection: socket.socket) -> bool:
        """Give a connection to the worker that has the fewest; False if there is none."""
        serving = self.serving
        while serving:
            number = least_connections(
                {each: worker.handed - self.counts.closed(each - 1) for each, worker in serving.items()},
                self.last,
            )
            assert number is not None
            worker = serving.pop(number)
            if hand_over(worker.channel, connection):
                worker.handed += 1
                self.last = number
                connection.close()
                return True
        return False

    def finish(self, worker: Worker) -> None:
        """Let a worker answer what it has, and end; one that does not serve yet ends at once."""
        worker.finishing, worker.since = True, time.monotonic()
        self._unwatch(worker)
        with contextlib.suppress(OSError):
            worker.channel.shutdown(socket.SHUT_WR)
        if not worker.serves:  # init() may take long, and nobody waits for it
            _kill(worker, signal.SIGTERM)

    def share(self) -> None:
        """Tell all that another server accepts from the queue, too."""
        for worker in self.serving.values():
            with contextlib.suppress(OSError):
                worker.channel.send(SHARED)

    def reap(self) -> list[tuple[Worker, int]]:
        """Remove those that have ended; returns those that ended by themselves, with their exit codes."""
        ended = []
        for worker in list(self.workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            if not worker.finishing:
                self._hear(worker)
                ended.append((worker, os.waitstatus_to_exitcode(status)))
            self._unwatch(worker)
            worker.channel.close()
            del self.workers[worker.number]
        return ended

    def end_late(self, grace: float) -> None:
        """Kill those that have not ended ``grace`` seconds after they were told to."""
        for worker in self.workers.values():
            if worker.finishing and time.monotonic() - worker.since > grace + _KILL_S:
                _kill(worker, signal.SIGKILL)

    def kill(self) -> None:
        """Kill all."""
        for worker in self.workers.values():
            _kill(worker, signal.SIGKILL)

    def _hear(self, worker: Worker) -> None:
        """Read a worker's reports."""
        try:
            words = worker.channel.recv(1 << 20)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            words = b""
        if not words:
            self._unwatch(worker)
            return
        *lines, worker.heard = (worker.heard + words).split(b"\n")
        for line in lines:
            told = json.loads(line)
            worker.error = told["error"]
            if told["phase"] == report.SERVING:
                worker.serves, worker.since = True, time.monotonic()
                self.on_ready()

    def _unwatch(self, worker: Worker) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(worker.channel)


def _become_worker() -> None:
    """Leave what belongs to the dispatcher's process: its signals and its random numbers."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    forget_chance()


def _kill(worker: Worker, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, number)
