"""`BatchJob`: a script, a model or a service over many rows or files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core import batch_job as core
from mlmagic.core.batch import Tally
from mlmagic.core.batch_arguments import plan_of
from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.batch.batch import Scored
from mlmagic.engine.batch.inputs import Files
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.batch_inputs import inputs_of
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    import dask.dataframe
    import pandas

Jobs = list["BatchJob"]


@raises(UserErrorException)
class BatchJob:
    """A batch job, found by its name or returned by `BatchJob.run`."""

    def __init__(self, workspace: WorkspaceBase, name: str, version: int | None = None) -> None:
        self.workspace = workspace
        self._record = workspace.engine.batch_jobs.get(name, version)

    @classmethod
    def of(cls, workspace: WorkspaceBase, record: core.BatchJob) -> BatchJob:
        """The handle of a job that was read."""
        made = cls.__new__(cls)
        made.workspace, made._record = workspace, record
        return made

    @classmethod
    def run(
        cls,
        workspace: WorkspaceBase,
        name: str,
        scored: Scored,
        data: Any,
        output: str | Path,
        *,
        watching: Callable[[core.BatchJob], None] = lambda job: None,
        **options: Any,
    ) -> BatchJob:
        """Score ``data`` and wait for the end. ``options`` are those of `%batch`, as texts.

        Raises `UserErrorException` for a wrong option or input, and what ends the job before its end. A job
        that has failed is returned.
        """
        inputs, words = inputs_of(workspace, data, files=bool(options.get("files")))
        plan = plan_of(options, is_table=not isinstance(inputs, Files))
        job = workspace.engine.batch_jobs.run(
            name,
            plan,
            scored,
            inputs,
            Path(output).expanduser().absolute(),
            input_words=words,
            scheduler=options.get("scheduler"),
            resume=bool(options.get("resume")),
            watching=watching,
        )
        return cls.of(workspace, job)

    @staticmethod
    def list(workspace: WorkspaceBase) -> Jobs:
        """The newest job of each name."""
        return [BatchJob.of(workspace, record) for record in workspace.engine.batch_jobs.list()]

    @property
    def record(self) -> core.BatchJob:
        """The job as it was recorded when it was last read."""
        return self._record

    @property
    def name(self) -> str:
        """The job's name."""
        return self._record.name

    @property
    def version(self) -> int:
        """Which job of this name it is, from 1."""
        return self._record.version

    @property
    def state(self) -> str:
        """Running, Completed, Failed or Interrupted."""
        return str(self._record.state)

    @property
    def counts(self) -> Tally:
        """How many rows or files, and mini-batches, there are, have succeeded and have failed."""
        return self._record.tally

    @property
    def output(self) -> str:
        """The path of the results."""
        return self._record.output

    @property
    def error(self) -> str:
        """Why it has failed; empty otherwise."""
        return self._record.error

    def refresh(self) -> BatchJob:
        """Read it again; returns the job."""
        self._record = self.workspace.engine.batch_jobs.get(self.name, self.version)
        return self

    def to_pandas_dataframe(self) -> pandas.DataFrame:
        """The results as a DataFrame. Raises `UserErrorException` until it has completed."""
        import pandas

        path = self._results()
        if path.suffix == ".csv":
            return pandas.read_csv(path)
        if path.suffix == ".jsonl":
            return pandas.read_json(path, lines=True)
        return pandas.read_parquet(path)

    def to_dask_dataframe(self) -> dask.dataframe.DataFrame:
        """The results as a DataFrame of Dask, which may be larger than the memory."""
        import dask.dataframe

        path = self._results()
        if path.suffix == ".csv":
            return dask.dataframe.read_csv(path)  # type: ignore[no-any-return]
        if path.suffix == ".jsonl":
            return dask.dataframe.read_json(path, lines=True)  # type: ignore[no-any-return]
        return dask.dataframe.read_parquet(path)  # type: ignore[no-any-return]

    def log(self) -> str:
        """What the script has printed."""
        return self.workspace.engine.batch_jobs.log(self._record)

    def failures(self) -> Sequence[Mapping[str, Any]]:
        """The last error of each mini-batch that failed: batch, tries, type, message, traceback."""
        return self.workspace.engine.batch_jobs.failures(self._record)

    def delete(self) -> None:
        """Delete all jobs of this name; the results stay."""
        self.workspace.engine.batch_jobs.delete(self.name)

    def _results(self) -> Path:
        if self._record.state is not core.JobState.COMPLETED:
            raise UsageError(f"batch job {self.name!r} has no results: it is {self.state}")
        path = Path(self.output)
        if not path.exists():
            raise NotFound("results", self.output, hint="They were moved or deleted.")
        return path

    def __repr__(self) -> str:
        return f"BatchJob(name={self.name!r}, version={self.version}, state={self.state!r})"


def scored_models(models: Sequence[str], inference: InferenceConfig | None = None) -> Scored:
    """Models as a service would serve them, by their ids: with their script, or without one."""
    words = " and ".join(models)
    return Scored(
        inference,
        tuple(models),
        is_served=True,
        words=words if inference is None else f"the script of {words}",
    )


def scored_service(workspace: WorkspaceBase, name: str) -> Scored:
    """What a service runs now. Raises `NotFound`."""
    services = workspace.engine.services
    revision = services.revision(services.get(name))
    return Scored(None, tuple(revision.models), is_served=True, revision=revision, words=f"service {name}")


def scored_script(inference: InferenceConfig, words: str) -> Scored:
    """A script whose run() gets mini-batches."""
    return Scored(inference, words=words)
