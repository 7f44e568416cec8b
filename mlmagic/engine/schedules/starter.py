"""Starts the runs of schedules that are due: a thread beside the supervisor.

A run is started in a process of its own, which goes on when the supervisor ends.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from mlmagic.core.schedule import Schedule
from mlmagic.engine.schedules.schedules import Schedules
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.targets.python_path import python_path
from mlmagic.workspace import schedules
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory

LOCATION_VARIABLE = "MLMAGIC_SCHEDULE_WORKSPACE"
"""The environment variable with the workspace, as JSON, of a process that starts a run."""
LOOK_SECONDS = 5.0
POLL_SECONDS = 0.5
_SHOWN_BYTES = 2000

log = logging.getLogger(__name__)
_left: list[subprocess.Popen[bytes]] = []
"""The processes that go on although their starter was closed: kept, so that they are reaped when they end."""


@dataclass(frozen=True, slots=True)
class _Starting:
    """A process that was started for a run, and what it prints."""

    schedule: Schedule
    run_id: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]


class ScheduleStarter:
    """Starts what is due on this machine. ``mark`` is the owner's name in what it has claimed."""

    def __init__(self, memory: Memory, mark: str, *, clock: Callable[[], float] = time.time) -> None:
        self._memory, self._mark, self._clock = memory, mark, clock
        self._schedules = Schedules(memory, supervise=lambda: None)
        self._starting: list[_Starting] = []
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="mlmagic-schedules", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Check now what is due."""
        self._news.set()

    def close(self) -> None:
        """Stop. The processes that were started go on."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=LOOK_SECONDS)
        for starting in self._starting:
            starting.output.close()
            _left.append(starting.process)
        self._starting.clear()

    def start_due(self) -> int:
        """Start a process for each schedule that is due and that this one could claim; returns the number."""
        now = self._clock()
        with self._memory.reading() as tx:
            if not schedules.is_claimable(tx, self._mark, now):
                return 0
        with self._memory.writing_quietly() as tx:
            claimed = schedules.claim(tx, self._mark, now)
        for schedule in claimed:
            self._start(schedule)
        return len(claimed)

    def _start(self, schedule: Schedule) -> None:
        assert schedule.start is not None
        run_id = schedule.start.run_id
        output = tempfile.TemporaryFile()  # noqa: SIM115  # read when the process has ended
        try:
            process = subprocess.Popen(
                [*schedule.command, schedule.id, run_id],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                # Not an argument: every user of the machine can see those, and there may be a password in it.
                env={
                    **os.environ,
                    "PYTHONPATH": python_path(),
                    LOCATION_VARIABLE: self._memory.location.to_json(),
                },
            )
        except OSError as error:
            output.close()
            reason = f"{schedule.command[0]} cannot be started: {error.strerror}"
            hint = "Create the schedule again from the environment that is to run it."
            self._schedules.record_failed_start(schedule.id, run_id, f"{reason}. {hint}")
        else:
            self._starting.append(_Starting(schedule, run_id, process, output))
            self._schedules.hand_over(schedule.id, run_id, process.pid)

    def _reap(self) -> None:
        """Record the processes that have ended without having recorded how: they were killed, or broken."""
        _left[:] = [process for process in _left if process.poll() is None]
        for starting in list(self._starting):
            if starting.process.poll() is None:
                continue
            self._starting.remove(starting)
            with starting.output as output:
                output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN_BYTES))
                last = output.read().decode("utf-8", errors="replace").strip()
            schedule_id, run_id, code = starting.schedule.id, starting.run_id, starting.process.returncode
            start = self._schedules.get(schedule_id).start
            error = f"its process ended with exit code {code}" + (f"\n\n{last}" if last else "")
            if start is not None and _pid_of(start.owner) == starting.process.pid:
                self._schedules.record_failed_start(schedule_id, run_id, error)
            elif code and (start is None or start.run_id != run_id):
                self._schedules.record_failed_run(schedule_id, run_id, error)

    def _run(self) -> None:
        while not self._closing.is_set():
            wait = LOOK_SECONDS
            try:
                self._reap()
                self.start_due()
                wait = self._wait()
            except WorkspaceUnavailable as error:
                self._memory.report_outage(error)
            except Exception:
                if not self._memory.is_there:
                    return
                log.exception("the schedules cannot be read; trying again")
            self._news.wait(wait)
            self._news.clear()

    def _wait(self) -> float:
        """How long nothing is due, in seconds, unless there is news."""
        with self._memory.reading() as tx:
            due = schedules.next_due(tx)
        longest = POLL_SECONDS if self._starting else LOOK_SECONDS
        return longest if due is None else min(longest, max(0.0, due - self._clock()))


def _pid_of(mark: str) -> int | None:
    owner = ProcessIdentity.owner_of(mark)
    return owner.pid if owner is not None else None
