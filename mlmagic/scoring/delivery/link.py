"""One process that delivers records, and the pipes to it: into one go records, out of the other come reports.

Nothing here waits before the end: what the process does not read yet is kept, within bounds. It ends when its
pipe is closed, so also when this process has ended in any way.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.messages import Messages, message
from mlmagic.scoring.delivery.queues import DeliveryQueues, Group, counts_of, new_kind

if TYPE_CHECKING:
    import subprocess

    from mlmagic.scoring.delivery.queue import Plan

MODULE = "mlmagic.scoring.delivery"
MOST_UNSENT = 64 << 20
"""Bytes that wait for the process to read; more are dropped."""
PIPE_BYTES = 1 << 20
END_SECONDS = 1.0
"""How long the end of the server waits for the process, besides for what it delivers."""
KILLED = "the process that delivers them was ended"
BEHIND = "the process that delivers them does not keep up"
UNKNOWN = "one of their values cannot be sent to another process"
_PIECE_BYTES = 1 << 16
_HOME = Path(__file__).parents[3]


class Link:
    """Starts the process, on a thread. Its methods are called one at a time."""

    def __init__(
        self,
        plans: Sequence[Plan],
        report: Callable[[int, Outcome], None],
        wake: Callable[[], None],
        loop: asyncio.AbstractEventLoop | None,
        pause_s: float = 0.0,
    ) -> None:
        """``plans`` may grow. ``wake`` is called, from any thread, when there is something to do.

        After ``pause_s`` seconds the process is started; what is sent before waits.
        """
        self._plans, self._report, self._wake, self._loop = plans, report, wake, loop
        self._unsent = deque(message(new_kind(plan)) for plan in plans)
        self._unsent_bytes = sum(map(len, self._unsent))
        self._sent, self._done = Counter[int](), Counter[int]()
        """How many records of each kind were sent, and of how many it is known what became of them."""
        self._messages = Messages()
        self._process: subprocess.Popen[bytes] | None = None
        self._here: DeliveryQueues | None = None
        self._records = self._reports = -1
        self._is_started = self._is_full = False
        self.has_ended = False
        self._pause_s, self._closing = pause_s, threading.Event()
        self._starting = threading.Thread(target=self._start, name="mlmagic delivery", daemon=True)
        self._starting.start()

    @property
    def has_work(self) -> bool:
        """Whether `work` has something to do."""
        return self.has_ended or (self._is_started and bool(self._unsent) and not self._is_full)

    def send(self, group: Group) -> None:
        """Take records for the process; `work` writes them."""
        if self._here is not None:
            self._here.take(group)
            return
        try:
            self._queue(group)
        except ValueError:  # a value of a script's own type, say
            kinds, records = group
            for record in records:
                alone = kinds, [record]
                try:
                    self._queue(alone)
                except ValueError:
                    self._drop(counts_of(alone, self._plans), UNKNOWN)

    def work(self) -> None:
        """Write as much as the process takes."""
        if self._is_started and self._process is None:
            self._deliver_here()
        while self.has_work and not self.has_ended:
            piece = self._unsent[0]
            try:
                written = os.write(self._records, piece)
            except BlockingIOError:
                self._is_full = True
                self._ask_loop(self._await_room)
                return
            except OSError:
                self.has_ended = True
                return
            self._unsent_bytes -= written
            if written == len(piece):
                self._unsent.popleft()
            else:
                self._unsent[0] = piece[written:]
        if self._loop is None and self._process is not None:
            self._read()

    def _await_room(self) -> None:
        if self._loop is not None and self._records >= 0:
            self._loop.add_writer(self._records, self._has_room)

    def _has_room(self) -> None:
        if self._loop is not None:
            self._loop.remove_writer(self._records)
        self._is_full = False
        self._wake()

    def _queue(self, group: Group) -> None:
        """Raises `ValueError`."""
        piece, counts = message(group), counts_of(group, self._plans)
        if self._unsent_bytes + len(piece) > MOST_UNSENT:
            self._drop(counts, BEHIND)
            return
        self._sent += counts
        self._unsent.append(piece)
        self._unsent_bytes += len(piece)

    def _drop(self, counts: Counter[int], reason: str) -> None:
        for kind, count in counts.items():
            self._report(kind, Outcome(dropped=count, reason=reason))

    # ---- the process ----------------------------------------------------------------------------

    def _start(self) -> None:
        """On a thread: this takes milliseconds."""
        self._closing.wait(self._pause_s)
        try:
            self._process, self._records, self._reports = _started()
        except OSError:  # no memory, no descriptor, or no right to start processes
            pass
        else:
            self._ask_loop(self._await_reports)
        self._is_started = True
        self._wake()

    def _deliver_here(self) -> None:
        if self._here is None:
            self._here = DeliveryQueues(self._report)
            for group in Messages().read(b"".join(self._unsent)):
                self._here.take(group)
            self._unsent.clear()

    def _ask_loop(self, callback: Callable[[], object]) -> None:
        """Call it on the loop's thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(callback)

    def _await_reports(self) -> None:
        if self._loop is not None and self._reports >= 0:
            self._loop.add_reader(self._reports, self._read)

    def _read(self) -> None:
        """Read what the process reports."""
        try:
            piece = os.read(self._reports, _PIECE_BYTES)
        except BlockingIOError:
            return
        for kind, *fields in self._messages.read(piece):
            outcome = Outcome(*fields)
            self._done[kind] += outcome.delivered + outcome.dropped
            self._report(kind, outcome)
        if not piece:
            self.has_ended = True
            self._wake()

    def lose(self) -> None:
        """It has ended before its time: what it has not reported on is lost."""
        # Not sent to another process: this one may have delivered some of it.
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._loop is None:
            self._close_pipes()
        else:
            self._ask_loop(self._close_pipes)
        self._drop(self._sent - self._done, KILLED)

    def close(self) -> None:
        """Have delivered what is waiting, for a few seconds at most. The loop must not run any more."""
        self._closing.set()
        self._starting.join(END_SECONDS)
        self.work()
        if self._here is not None:
            self._here.close()
        if self._process is None:
            return
        deadline = time.monotonic() + max(plan.close_s for plan in self._plans) + END_SECONDS
        while self._unsent and not self.has_ended and _is_ready(self._records, select.POLLOUT, deadline):
            self._is_full = False
            self.work()
        self._records = self._close(self._records, "remove_writer")  # that is the end for the process
        while not self.has_ended and _is_ready(self._reports, select.POLLIN, deadline):
            self._read()
        for kind, count in (self._sent - self._done).items():
            self._report(kind, Outcome(dropped=count, reason=self._plans[kind].ended))
        self._close_pipes()
        self._wait()

    def _wait(self) -> None:
        import subprocess

        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):  # it ends by itself when it has delivered what it has
            self._process.wait(END_SECONDS)

    def leave_to_parent(self) -> None:
        """In a process that was forked from this one: the process beside it is the parent's."""
        self._loop = None
        self._close_pipes()
        if self._process is not None:
            self._process.returncode = 0  # so that its object does not look for it at its end

    def _close_pipes(self) -> None:
        self._records = self._close(self._records, "remove_writer")
        self._reports = self._close(self._reports, "remove_reader")

    def _close(self, pipe: int, remove: str) -> int:
        if pipe >= 0:
            if self._loop is not None:
                with suppress(RuntimeError):  # it is closed
                    getattr(self._loop, remove)(pipe)
            os.close(pipe)
        return -1


def _started() -> tuple[subprocess.Popen[bytes], int, int]:
    """The process, the pipe to it and the pipe from it. Raises `OSError`."""
    import subprocess

    records, ours = os.pipe()
    try:
        answers, reports = os.pipe()
    except OSError:
        os.close(records)
        os.close(ours)
        raise
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(records), str(reports)],
            pass_fds=[records, reports],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # The working directory is the script's: its json.py is not for this process.
            env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1"},
        )
    except BaseException:
        os.close(ours)
        os.close(answers)
        raise
    finally:
        os.close(records)
        os.close(reports)
    _enlarge(ours)
    os.set_blocking(ours, False)
    os.set_blocking(answers, False)
    return process, ours, answers


def _is_ready(pipe: int, event: int, deadline: float) -> bool:
    """Wait for it until ``deadline``; False if that has passed."""
    poll = select.poll()
    poll.register(pipe, event)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _enlarge(pipe: int) -> None:
    """So that it holds what is recorded while the process has no turn."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (AttributeError, OSError):  # not on Linux, or there are many pipes
        return


def _python_path() -> str:
    """So that the process finds this package, wherever the server has found it."""
    return os.pathsep.join(filter(None, [str(_HOME), os.environ.get("PYTHONPATH")]))
