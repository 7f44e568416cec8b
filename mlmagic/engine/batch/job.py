"""A batch job: distribute mini-batches to workers, retry failures, count results."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlmagic.core.batch import BatchPlan, Tally
from mlmagic.engine.batch.worker import INIT_SECONDS, Stage, TimedOut, Worker
from mlmagic.errors import LaunchFailed, MLMagicError


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """The input of one call of run()."""

    task: Mapping[str, Any]
    """The worker's task: ``files`` or ``table``."""
    items: int
    """The number of files or rows."""


@dataclass(slots=True)
class Outcome:
    """The result of a job."""

    tally: Tally
    lines: list[list[str]]
    """The results of each mini-batch, in the order of the input."""
    error: str = ""
    failures: list[dict[str, Any]] = field(default_factory=list)
    """The last error of each mini-batch that failed: batch, tries, type, message, traceback."""


OnTally = Callable[[Tally], None]


class Job:
    """Runs the mini-batches of one job; `run` returns when all are done, or too many have failed."""

    def __init__(
        self, stage: Stage, plan: BatchPlan, batches: Sequence[MiniBatch], watching: OnTally
    ) -> None:
        self._stage, self._plan, self._batches, self._watching = stage, plan, batches, watching
        self._outcome = Outcome(
            Tally(len(batches), sum(batch.items for batch in batches)), [[] for _ in batches]
        )
        self._left: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(batches)):
            self._left.put(number)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._crash: Exception | None = None
        """What ended a thread of ours, and is no fault of the script."""
        self._workers: set[Worker] = set()

    def run(self) -> Outcome:
        """Run the job. An interrupt ends all workers before `KeyboardInterrupt` is raised.

        Raises `OSError` if a worker could not be started.
        """
        count = min(self._plan.processes, max(1, len(self._batches)))
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            self.stop()
            for thread in threads:
                thread.join()
            raise
        if self._crash is not None:
            raise self._crash
        outcome = self._outcome
        outcome.error = outcome.error or outcome.tally.reason(self._plan, over=True)
        return outcome

    def stop(self) -> None:
        """Kill all workers; `run` returns soon after."""
        self._stopped.set()
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.kill()

    def _work(self) -> None:
        worker: Worker | None = None
        try:
            while not self._stopped.is_set():
                try:
                    number = self._left.get_nowait()
                except queue.Empty:
                    return
                worker = self._try(number, worker)
        except TimedOut:
            self._give_up(f"init() took more than {INIT_SECONDS:g} s")
        except MLMagicError as error:
            self._give_up(str(error))
        except Exception as error:  # a full disk, say: without this thread its mini-batches would be missing
            self._crash = error
            self.stop()
        finally:
            if worker is not None:
                self._end(worker)

    def _try(self, number: int, worker: Worker | None) -> Worker | None:
        """Run one mini-batch with retries; returns the worker to use for the next one."""
        batch, failure = self._batches[number], dict[str, Any]()
        for attempt in range(1, self._plan.run_max_try + 1):
            if self._stopped.is_set():
                return worker
            worker = worker or self._begin()
            try:
                answer = worker.perform(batch.task, self._plan.run_invocation_timeout)
            except TimedOut:
                self._end(worker)
                worker = None
                seconds = self._plan.run_invocation_timeout
                answer = {"error": {"type": "TimeoutError", "message": f"run() took more than {seconds:g} s"}}
            except LaunchFailed as error:
                self._end(worker)
                worker = None
                answer = {"error": {"type": "WorkerEnded", "message": str(error)}}
            if "error" not in answer:
                self._note(number, answer)
                return worker
            failure = {"batch": number, "tries": attempt, **answer["error"]}
        self._note_failure(batch, failure)
        return worker

    def _begin(self) -> Worker:
        worker = Worker(self._stage)
        with self._lock:
            self._workers.add(worker)
        if self._stopped.is_set():  # while it was being started
            worker.kill()
        try:
            worker.wait_for_init()
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: Worker) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def _note(self, number: int, answer: Mapping[str, Any]) -> None:
        with self._lock:
            count, tally = int(answer["count"]), self._outcome.tally
            self._outcome.lines[number] = list(answer["lines"])
            self._count(
                replace(
                    tally,
                    succeeded_items=tally.succeeded_items + count,
                    failed_items=tally.failed_items + max(0, self._batches[number].items - count),
                )
            )

    def _note_failure(self, batch: MiniBatch, failure: dict[str, Any]) -> None:
        with self._lock:
            tally = self._outcome.tally
            self._outcome.failures.append(failure)
            self._count(
                replace(
                    tally,
                    failed_batches=tally.failed_batches + 1,
                    failed_items=tally.failed_items + batch.items,
                )
            )

    def _count(self, tally: Tally) -> None:
        self._outcome.tally = tally
        self._watching(tally)
        reason = tally.reason(self._plan, over=False)
        if reason:
            self._outcome.error = self._outcome.error or reason
            self._stopped.set()

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self._outcome.error = self._outcome.error or reason
        self.stop()
