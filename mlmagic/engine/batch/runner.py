"""What a Dask worker does in a batch job: its threads each drive a process that runs the script.

A thread cannot be ended, a process can: so a call of run() has a time limit, and a script that crashes takes
nothing with it. The processes stay between two spans of a job, as init() may take long.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.mini_batches import BatchResult, MiniBatch, Span, SpanResult
from mlmagic.engine.batch import results, script_process
from mlmagic.engine.batch.script_process import INIT_SECONDS, ScriptProcess, TimedOut
from mlmagic.engine.batch.stage import Stage
from mlmagic.errors import LaunchFailed, MLMagicError

IDLE_SECONDS = 60.0
"""How long a process waits for the next span, which never comes if the job's own process was killed."""
TELL_SECONDS = 0.1
AHEAD = 2
"""Mini-batches that a process has: the one that it works on, and the next."""
_MOST_AHEAD_BYTES = 1 << 15
_MOST_LOG_BYTES = 1 << 20
Tell = Callable[[Mapping[str, Any]], None]


class JobFailed(Exception):
    """The job cannot go on: init() fails, or a process cannot be started."""


class JobEnded(Exception):
    """The job was ended while a span was being scored."""


class WorkerFailed(Exception):
    """The Dask worker itself cannot go on, because of ``cause``: its disk is full, say."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Tries:
    """How often and how long a mini-batch is tried."""

    most: int
    seconds: float


class Processes:
    """The script's processes of one job in one Dask worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: list[ScriptProcess] = []
        self._idle: dict[ScriptProcess, threading.Timer] = {}
        self._busy: set[ScriptProcess] = set()
        self._ended = False

    def begin(self, stage: Stage, count: int) -> None:
        """Start processes that will be taken soon, or have a zygote ready for them. Raises `OSError`."""
        if script_process.warm(stage):
            return
        for _ in range(count):
            process = ScriptProcess(stage, Path(stage.folder), Path(stage.log))
            with self._lock:
                self._begun.append(process)

    def take(self, stage: Stage, folder: Path, log: Path) -> ScriptProcess:
        """A process whose init() has returned. Raises `JobFailed` or `JobEnded`."""
        with self._lock:
            self._check()
            if self._idle:
                process, timer = self._idle.popitem()
                timer.cancel()
                self._busy.add(process)
                return process
            begun = self._begun.pop() if self._begun else None
        process = begun or ScriptProcess(stage, folder, log)
        with self._lock:
            self._busy.add(process)
            ended = self._ended
        if ended:  # while it was being started
            self.drop(process)
            self._check()
        try:
            process.wait_for_init()
        except TimedOut:
            self.drop(process)
            raise JobFailed(f"init() took more than {INIT_SECONDS:g} s") from None
        except MLMagicError as error:
            self.drop(process)
            self._check()
            raise JobFailed(str(error)) from None
        except BaseException:
            self.drop(process)
            raise
        return process

    def put(self, process: ScriptProcess) -> None:
        """Keep a process for the next span."""
        with self._lock:
            self._busy.discard(process)
            if not self._ended:
                timer = threading.Timer(IDLE_SECONDS, self._expire, [process])
                timer.daemon = True
                self._idle[process] = timer
                timer.start()
                return
        process.close()

    def drop(self, process: ScriptProcess) -> None:
        """Kill a process that has failed."""
        with self._lock:
            self._busy.discard(process)
        process.close()

    def end(self, *, at_once: bool) -> None:
        """End all processes; ``at_once`` without their shutdown()."""
        with self._lock:
            self._ended = True
            busy, idle, begun = list(self._busy), dict(self._idle), list(self._begun)
            self._idle.clear()
            self._begun.clear()
        for process in busy:  # whoever uses it closes it
            process.kill()
        for process in begun:
            process.close()
        for process, timer in idle.items():
            timer.cancel()
            process.kill() if at_once else process.finish()
        for process in idle:
            process.end()

    def check(self) -> None:
        """Raises `JobEnded` if the job was ended."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        if self._ended:
            raise JobEnded("the job was ended")

    def _expire(self, process: ScriptProcess) -> None:
        with self._lock:
            if self._idle.pop(process, None) is None:
                return
        process.finish()
        process.end()


_jobs: dict[str, Processes] = {}
_all = threading.Lock()


def _processes(job: str) -> Processes:
    with _all:
        return _jobs.setdefault(job, Processes())


def begin_processes(stage: Stage, count: int) -> None:
    """Start processes for a job whose spans are scored in this process. Raises `OSError`."""
    _processes(stage.job).begin(stage, count)


def begin() -> str:
    """The version of mlmagic in this Dask worker."""
    from mlmagic._version import __version__

    return __version__


def end_job(stage: Stage, at_once: bool) -> None:
    """End what this Dask worker has of a job; `score` of the same job then raises `JobEnded`."""
    _processes(stage.job).end(at_once=at_once)
    stage.forget()


def score(stage: Stage, tries: Tries, span: Span, archive: bytes | None) -> SpanResult:
    """Score a span in this Dask worker; tells the job of each mini-batch at once.

    Raises `JobFailed`, `JobEnded` or `WorkerFailed`.
    """
    from distributed import get_worker

    worker = get_worker()
    teller = Teller(lambda records: worker.log_event(stage.job, {"results": records}))
    try:
        return score_span(_processes(stage.job), stage, tries, span, archive, teller.tell)
    except OSError as error:
        raise WorkerFailed(error) from error


class Teller:
    """Sends records of mini-batches a few at a time, as each message costs as much as a small mini-batch.

    One that has failed is sent at once, as the job may end with it. What is left at the end of a span is not
    sent: the span's own result has it.
    """

    def __init__(self, send: Callable[[list[dict[str, Any]]], None]) -> None:
        self._send, self._records, self._sent = send, list[dict[str, Any]](), time.monotonic()

    def tell(self, record: Mapping[str, Any]) -> None:
        """Send the record, now or with the next ones."""
        self._records.append(dict(record))
        now = time.monotonic()
        if record["failure"] is not None or now >= self._sent + TELL_SECONDS:
            self._send(self._records)
            self._records, self._sent = [], now


def score_span(
    processes: Processes, stage: Stage, tries: Tries, span: Span, archive: bytes | None, tell: Tell
) -> SpanResult:
    """Score a span with these processes; ``tell`` is called with the result of each mini-batch."""
    try:
        folder = stage.unpacked(archive)
    except MLMagicError as error:
        raise JobFailed(str(error)) from None
    with _log(stage) as (log, read):
        scorer = _SpanScorer(processes, stage, folder, log, tries)
        found: dict[int, tuple[BatchResult, bytes]] = {}
        try:
            for result, payload in scorer.score(span.batches):
                found[result.number] = result, payload
                tell(result.record())
        finally:
            scorer.close()
        done, payloads = zip(*(found[batch.number] for batch in span.batches), strict=True)
        return SpanResult(done, results.joined(stage.results, payloads), read())


class _Try:
    """A mini-batch that is being tried."""

    def __init__(self, batch: MiniBatch) -> None:
        self.batch, self.task = batch, json.dumps(batch.task).encode()
        self.failures = 0


class _SpanScorer:
    """Scores mini-batches with one process, or its successors.

    The process has the next mini-batch while it works on one, so that it never waits for this thread.
    """

    def __init__(self, processes: Processes, stage: Stage, folder: Path, log: Path, tries: Tries) -> None:
        self._processes, self._stage, self._folder, self._log = processes, stage, folder, log
        self._tries = tries
        self._process: ScriptProcess | None = None
        self._sent: deque[_Try] = deque()

    def score(self, batches: Sequence[MiniBatch]) -> Iterator[tuple[BatchResult, bytes]]:
        """What became of each mini-batch after its retries, and the bytes of its results; in any order."""
        waiting = deque(_Try(batch) for batch in batches)
        while waiting or self._sent:
            self._processes.check()
            answer, payload = self._next_answer(waiting)
            first = self._sent.popleft()
            if "error" not in answer:
                yield BatchResult.of(first.batch, answer["count"]), payload
                continue
            first.failures += 1
            if self._process is None:  # what it had not begun yet is for its successor
                waiting.extendleft(reversed(self._sent))
                self._sent.clear()
            if first.failures < self._tries.most:
                waiting.appendleft(first)
                continue
            self._processes.check()  # a process that was killed with the job has not failed
            yield BatchResult.failing(first.batch, self._tries.most, answer["error"]), b""

    def close(self) -> None:
        """Leave the process to the next span."""
        if self._process is not None and self._sent:  # it still works on what nobody wants any more
            self._drop()
        elif self._process is not None:
            self._processes.put(self._process)

    def _next_answer(self, waiting: deque[_Try]) -> tuple[Mapping[str, Any], bytes]:
        """What the process says of the mini-batch that was sent first; an error if it was lost with it."""
        if self._process is None:
            self._process = self._processes.take(self._stage, self._folder, self._log)
        try:
            while waiting and (not self._sent or self._can_send(waiting[0])):
                self._sent.append(waiting.popleft())
                self._process.send(self._sent[-1].task)
            return self._process.answer(self._tries.seconds)
        except TimedOut:
            error = {"type": "TimeoutError", "message": f"run() took more than {self._tries.seconds:g} s"}
        except LaunchFailed as ended:
            error = {"type": "WorkerEnded", "message": str(ended)}
        self._drop()
        return {"error": error}, b""

    def _can_send(self, following: _Try) -> bool:
        """Whether this thread does not have to wait while it sends one more: the pipe takes all of it."""
        return len(self._sent) < AHEAD and len(following.task) <= _MOST_AHEAD_BYTES

    def _drop(self) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        self._processes.drop(process)


@contextmanager
def _log(stage: Stage) -> Iterator[tuple[Path, Callable[[], bytes]]]:
    """The file that the script's output goes to, and what reads what it has there that the job has not."""
    if stage.is_here():
        yield Path(stage.log), lambda: b""
        return
    log = Path(tempfile.gettempdir()) / f"mlmagic-batch-{stage.job}.log"

    def read() -> bytes:
        with log.open("rb+") as file:
            content = file.read()
            file.truncate(0)
        return content[-_MOST_LOG_BYTES:]

    yield log, read
