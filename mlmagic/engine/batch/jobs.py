"""Batch jobs of a workspace: each is recorded, can be listed, and can go on after it was interrupted."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mlmagic.core import advice
from mlmagic.core.batch import BatchPlan
from mlmagic.core.batch_job import BatchJob, JobState, check_name
from mlmagic.engine.batch.batch import ERRORS, LOG, Batch, Scored
from mlmagic.engine.batch.inputs import Inputs
from mlmagic.engine.batch.results import check_output
from mlmagic.engine.events.pace import Pace
from mlmagic.engine.services.temporary_work import TemporaryWork, WorkItem
from mlmagic.errors import Advice, MLMagicError, NotFound, TargetUnavailable, UsageError, WorkspaceUnavailable
from mlmagic.workspace import assets
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.unfinished_records import as_they_are, remove

KIND = "batch-job"
_FOLDER = "batch"
_TOLD_SECONDS = 0.25
_RECORDED_SECONDS = 2.0
OnJob = Callable[[BatchJob], None]


def _unwatched(_job: BatchJob) -> None:
    """Watch nothing."""


class BatchJobs:
    """The batch jobs of one workspace."""

    def __init__(self, memory: Memory, batch: Batch, temporary_work: TemporaryWork) -> None:
        self._memory, self._batch, self._temporary_work = memory, batch, temporary_work

    def run(
        self,
        name: str,
        plan: BatchPlan,
        scored: Scored,
        inputs: Inputs,
        output: Path,
        *,
        input_words: str,
        scheduler: str | None = None,
        resume: bool = False,
        watching: OnJob = _unwatched,
    ) -> BatchJob:
        """Run a job to its end; returns it as it is recorded, also if it has failed.

        With ``resume``, go on with the interrupted job of this name: the input, the script and the settings
        must be the same. Raises `UsageError` if there is none, and what `Batch.run` raises; what is done then
        stays.
        """
        check_name(name)
        check_output(output)
        with self._temporary_work.begin("batch job") as work:
            job = self._resumed(name, work) if resume else self._new(name, scored, input_words, output, work)
            return self._run(job, plan, scored, inputs, output, scheduler, watching, resumed=resume)

    def list(self) -> list[BatchJob]:
        """The newest job of each name."""
        with self._memory.reading() as tx:
            found = assets.newest_of_each(tx, KIND)
            return [_job(asset, record) for asset, record in zip(found, as_they_are(tx, found), strict=True)]

    def get(self, name: str, version: int | None = None) -> BatchJob:
        """A job by name, the newest by default. Raises `NotFound`."""
        with self._memory.reading() as tx:
            asset = assets.get(tx, KIND, name, version)
            [record] = as_they_are(tx, [asset])
        return _job(asset, record)

    def log(self, job: BatchJob) -> str:
        """What the script has printed."""
        return self._text(job, LOG)

    def failures(self, job: BatchJob) -> Sequence[dict[str, Any]]:
        """The last error of each mini-batch that failed: batch, tries, type, message, traceback."""
        return list(json.loads(self._text(job, ERRORS) or "[]"))

    def delete(self, name: str) -> None:
        """Delete all jobs of this name; their results stay.

        Raises `NotFound`, and `WrongState` while one runs.
        """
        with self._memory.writing() as tx:
            remove(tx, KIND, name)
        for folder in (self._memory.folder / _FOLDER).glob(f"{name}:*"):
            shutil.rmtree(folder, ignore_errors=True)

    # -- inside ---------------------------------------------------------------------------------------

    def _folder(self, job: BatchJob) -> Path:
        return self._memory.folder / _FOLDER / f"{job.name}:{job.version}"

    def _text(self, job: BatchJob, name: str) -> str:
        try:
            return (self._folder(job) / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _new(self, name: str, scored: Scored, input_words: str, output: Path, work: WorkItem) -> BatchJob:
        job = BatchJob(name, 0, JobState.RUNNING, scored.words, input_words, str(output), time.time())
        with self._memory.writing() as tx:
            asset = assets.add(tx, KIND, name, job.record())
            work.unfinished(tx, asset, state=JobState.INTERRUPTED.value)
            old = self._old(tx, name)
            assets.remove_versions(tx, KIND, name, [each.version for each in old])
        job = replace(job, version=asset.version)
        for each in old:
            shutil.rmtree(self._folder(each), ignore_errors=True)
        return job

    def _old(self, tx: Connection, name: str) -> Sequence[BatchJob]:
        """Jobs of this name with many newer ones, which are deleted unless they still run; results stay."""
        found = assets.all_versions(tx, KIND, name)[: -assets.VERSIONS_KEPT]
        jobs = [_job(asset, record) for asset, record in zip(found, as_they_are(tx, found), strict=True)]
        return [job for job in jobs if job.state is not JobState.RUNNING]

    def _resumed(self, name: str, work: WorkItem) -> BatchJob:
        with self._memory.writing() as tx:
            try:
                asset = assets.get(tx, KIND, name)
            except NotFound:
                raise _nothing_to_resume(name, "there is none of this name") from None
            [record] = as_they_are(tx, [asset])
            found = _job(asset, record)
            if found.state is not JobState.INTERRUPTED:
                raise _nothing_to_resume(name, f"it is {found.state}")
            job = replace(found, state=JobState.RUNNING, error="")
            assets.replace(tx, KIND, name, job.version, job.record())
            work.unfinished(tx, asset, state=JobState.INTERRUPTED.value)
        return job

    def _run(
        self,
        job: BatchJob,
        plan: BatchPlan,
        scored: Scored,
        inputs: Inputs,
        output: Path,
        scheduler: str | None,
        watching: OnJob,
        *,
        resumed: bool,
    ) -> BatchJob:
        with _Watch(job, watching, self._keep) as watch:
            try:
                outcome = self._batch.run(
                    plan,
                    scored,
                    inputs,
                    output,
                    self._folder(job),
                    scheduler=scheduler,
                    watching=lambda tally: watch.change(tally=tally),
                    connected=lambda dashboard: watch.change(dashboard=dashboard),
                )
            except (KeyboardInterrupt, TargetUnavailable, WorkspaceUnavailable, OSError) as error:
                watch.end(state=JobState.INTERRUPTED, error=str(error))
                raise
            except MLMagicError as error:
                # What another input or script was refused to go on with stays.
                watch.end(state=JobState.INTERRUPTED if resumed else JobState.FAILED, error=str(error))
                raise
            state = JobState.FAILED if outcome.error else JobState.COMPLETED
            return watch.end(state=state, tally=outcome.tally, error=outcome.error)

    def _keep(self, job: BatchJob) -> None:
        with self._memory.writing() as tx:
            assets.replace(tx, KIND, job.name, job.version, job.record())


class _Watch:
    """Tells people how far a job is, and records it, every now and then, from a thread of its own.

    What counts the mini-batches must not wait for either.
    """

    def __init__(self, job: BatchJob, watching: OnJob, keep: OnJob) -> None:
        self._job, self._watching, self._keep = job, watching, keep
        self._begun = time.monotonic() - job.seconds
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._tell, name=f"batch job {job.name}", daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def change(self, **changes: Any) -> None:
        """Something is known of the job."""
        with self._lock:
            self._job = replace(self._job, seconds=time.monotonic() - self._begun, **changes)

    def end(self, **changes: Any) -> BatchJob:
        """The job has ended: tell and record it at once."""
        self.__exit__()
        self.change(dashboard="", **changes)
        self._keep(self._job)
        self._watching(self._job)
        return self._job

    def _tell(self) -> None:
        recorded = Pace(1, _RECORDED_SECONDS)
        while True:
            self.change()
            self._watching(self._job)
            if not recorded.delay(time.monotonic()):
                self._keep(self._job)
            if self._ended.wait(_TOLD_SECONDS):
                return


def _job(asset: Asset, record: Mapping[str, Any]) -> BatchJob:
    return BatchJob.of(asset.name, asset.version, record)


def _nothing_to_resume(name: str, why: str) -> UsageError:
    return UsageError(
        f"there is no interrupted batch job {name!r} to go on with: {why}",
        hint=Advice("Leave {resume} out to start a new one.", resume=advice.argument("resume")),
    )
