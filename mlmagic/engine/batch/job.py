"""A batch job: hands spans of mini-batches to a Dask cluster and records what comes back."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.batch import BatchPlan, Tally
from mlmagic.core.mini_batches import BatchResult, MiniBatch, Span, SpanResult, spans_of
from mlmagic.engine.batch import runner
from mlmagic.engine.batch.cluster import Cluster
from mlmagic.engine.batch.ledger import Ledger
from mlmagic.engine.batch.runner import JobEnded, JobFailed, Tries, WorkerFailed
from mlmagic.engine.batch.stage import Stage
from mlmagic.errors import TargetUnavailable

if TYPE_CHECKING:
    from distributed import Future

AHEAD = 2
"""Spans in the cluster for each that is being scored: a process that ends one finds its next one there."""
MOST_LOSSES = 10
"""How often a span is handed out again after Dask has given it up, as its workers were lost three times."""
OnTally = Callable[[Tally], None]


@dataclass(slots=True)
class Outcome:
    """The result of a job."""

    tally: Tally
    parts: list[Path] = field(default_factory=list)
    """The files with the results of each span, in the order of the input."""
    error: str = ""
    failures: list[dict[str, Any]] = field(default_factory=list)
    """The last error of each mini-batch that failed: batch, tries, type, message, traceback."""


class Progress:
    """What has become of each mini-batch so far: first as the workers tell it, then as it is recorded."""

    def __init__(self, plan: BatchPlan, batches: Sequence[MiniBatch], watching: OnTally) -> None:
        self._plan = plan
        self.tally = Tally(len(batches), sum(batch.items for batch in batches))
        self.reason = ""
        """Why the job has failed, as soon as it has."""
        self.results: dict[int, BatchResult] = {}
        self._recorded: set[int] = set()
        self._watching, self._lock = watching, threading.Lock()

    def hear(self, results: Sequence[BatchResult]) -> None:
        """Count what a worker tells, unless it is recorded already: a span may be scored more than once."""
        with self._lock:
            for each in results:
                if each.number not in self._recorded:
                    self._count(each)
        self._watching(self.tally)

    def record(self, results: Sequence[BatchResult]) -> None:
        """Count what is recorded."""
        with self._lock:
            for each in results:
                self._count(each)
                self._recorded.add(each.number)
        self._watching(self.tally)

    def _count(self, result: BatchResult) -> None:
        before = self.results.get(result.number)
        self.results[result.number] = result
        for each, sign in ((before, -1), (result, 1)):
            if each is not None:
                self.tally = replace(
                    self.tally,
                    succeeded_items=self.tally.succeeded_items + sign * each.succeeded,
                    failed_items=self.tally.failed_items + sign * each.failed,
                    failed_batches=self.tally.failed_batches + sign * (each.failure is not None),
                )
        self.reason = self.reason or self.tally.reason(self._plan, over=False)


class Job:
    """Scores mini-batches; `run` returns when all are done, or too many have failed."""

    def __init__(
        self,
        cluster: Cluster,
        stage: Stage,
        plan: BatchPlan,
        batches: Sequence[MiniBatch],
        ledger: Ledger,
        watching: OnTally,
    ) -> None:
        self._cluster, self._stage, self._plan, self._ledger = cluster, stage, plan, ledger
        self._batches = batches
        self._progress = Progress(plan, batches, watching)
        self._tries = Tries(plan.run_max_try, plan.run_invocation_timeout)
        self._processes = min(cluster.slots, plan.processes)
        self._crash: Exception | None = None
        """What the job's own code raised while it was told of a mini-batch."""

    def run(self) -> Outcome:
        """Run the job. An interrupt ends all processes before `KeyboardInterrupt` is raised.

        Raises `OSError` or `WorkspaceUnavailable` for results that cannot be written, and
        `TargetUnavailable` if the cluster is lost; the ledger then has what is done.
        """
        for done in self._ledger.done():
            self._progress.record(done.batches)
        left = [batch for batch in self._batches if batch.number not in self._progress.results]
        error, whole = self._progress.reason, False
        if left and not error:
            try:
                error = self._score(spans_of(left, self._processes))
                whole = not error
            finally:
                self._end(at_once=not whole)
        tally = self._progress.tally
        outcome = Outcome(tally, error=error or tally.reason(self._plan, over=True))
        results = sorted(self._progress.results.values(), key=lambda each: each.number)
        outcome.failures = [dict(each.failure) for each in results if each.failure is not None]
        if not outcome.error:
            outcome.parts = self._ledger.parts()
        return outcome

    def _score(self, spans: Sequence[Span]) -> str:
        """Score these spans; returns why the job has failed, or an empty text."""
        from distributed import as_completed

        client = self._cluster.client
        client.subscribe_topic(self._stage.job, self._heard)  # type: ignore[no-untyped-call]
        archive = self._archive()
        completed = as_completed(loop=client.loop)  # type: ignore[no-untyped-call]
        in_cluster: dict[Future[Any], Span] = {}
        losses: Counter[int] = Counter()

        def submit(span: Span) -> None:
            arguments = (self._stage, self._tries, span, archive)
            future = client.submit(runner.score, *arguments, pure=False)
            in_cluster[future] = span
            completed.add(future)  # type: ignore[no-untyped-call]

        waiting = iter(spans)
        for span in islice(waiting, AHEAD * self._processes):
            submit(span)
        for future in completed:
            span = in_cluster.pop(future)
            try:
                result = future.result()
            except Exception as error:
                if reason := self._why(error):
                    return reason
                losses[span.first] += 1
                if losses[span.first] == MOST_LOSSES:
                    raise self._lost(error) from error
                submit(span)
                continue
            finally:
                future.release()
            self._record(result)
            if reason := self._progress.reason:
                return reason
            for span in islice(waiting, 1):
                submit(span)
        return ""

    def _why(self, error: Exception) -> str:
        """Why the job ends with this error; an empty text if only a Dask worker was lost.

        Raises `TargetUnavailable` if the scheduler was lost, and what is a fault of ours.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        if self._crash is not None:
            raise self._crash
        if isinstance(error, WorkerFailed):
            raise error.cause
        if isinstance(error, JobFailed | JobEnded):
            return self._progress.reason or str(error)
        if isinstance(error, KilledWorker):
            return ""
        if isinstance(error, FutureCancelledError | CancelledError | OSError):
            raise self._lost(error) from error
        raise error

    def _lost(self, error: Exception) -> TargetUnavailable:
        return TargetUnavailable(
            "batch",
            f"the Dask cluster was lost: {error}",
            fix="What is done is recorded: when the cluster is there again, the job can go on with it.",
        )

    def _record(self, result: SpanResult) -> None:
        if result.log:
            with open(self._stage.log, "ab") as log:
                log.write(result.log)
        self._ledger.record(result)
        self._progress.record(result.batches)

    def _heard(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """A worker tells of mini-batches; called by the client's own thread, which must not wait."""
        try:
            self._progress.hear([BatchResult.of_record(each) for each in event[1]["results"]])
        except Exception as error:
            self._crash = error
        if self._crash is not None or self._progress.reason:
            threading.Thread(target=self._end, kwargs={"at_once": True}, daemon=True).start()

    def _archive(self) -> Future[Any] | None:
        """The job's folder for other machines: the result of a task, as Dask runs it again if it is lost."""
        if self._cluster.is_local:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Dask's advice for large arguments is not for bytes that never change
            return self._cluster.client.submit(bytes, self._stage.packed(), pure=False)

    def _end(self, *, at_once: bool) -> None:
        """End the script's processes in all workers; says nothing of workers that are gone."""
        with contextlib.suppress(Exception):
            client = self._cluster.client
            client.run(runner.end_job, self._stage, at_once, on_error="ignore")
