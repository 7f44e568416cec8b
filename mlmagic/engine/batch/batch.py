"""Batch scoring: a script over many files or rows, in several processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.batch import DEFAULT_BYTES, DEFAULT_FILES, BatchPlan, Tally, parse_size, rows_for, split
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.environment import needs_of
from mlmagic.core.model import Model, ModelFilter
from mlmagic.core.notify import silent
from mlmagic.engine import staging
from mlmagic.engine.batch.job import Job, MiniBatch, OnTally, Outcome
from mlmagic.engine.batch.worker import Stage
from mlmagic.engine.environments.builds import build_and_wait
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.engine.models.models import Models
from mlmagic.engine.scripts import sources
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.errors import InvalidConfig
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    import pandas

LOG, ERRORS, SUMMARY = "logs/user.txt", "logs/errors.json", "logs/summary.json"


def _unwatched(_tally: Tally) -> None:
    """Watch nothing."""


class Batch:
    """Runs batch jobs with the models of one workspace."""

    def __init__(self, memory: Memory, models: Models, temporary_work: TemporaryWork) -> None:
        self._memory, self._models, self._temporary_work = memory, models, temporary_work

    def run(
        self,
        plan: BatchPlan,
        inference: InferenceConfig,
        inputs: Sequence[str] | Sequence[pandas.DataFrame],
        output: Path,
        log_folder: Path,
        *,
        watching: OnTally = _unwatched,
    ) -> Outcome:
        """Call ``run(mini_batch)`` over all files, or over the rows of all tables; returns at the end.

        A mini-batch has rows of one table only. The results of run() are written to ``output`` atomically;
        the script's output and the errors of mini-batches to ``log_folder``. The models that the script or
        its arguments name are laid out for it. The outcome records a failed job; raises only for errors
        known before the start.
        """
        if not len(inputs):
            raise InvalidConfig("inputs", list(inputs), "must have at least one file or row")
        with (
            self._temporary_work.begin("batch") as work,
            self._memory.files.intake() as intake,
        ):
            (log_folder / "logs").mkdir(parents=True, exist_ok=True)
            folder = work.folder
            files, inference = sources.take(intake, inference, required=("run",))
            intake.copy_out(files, folder / "app")
            staging.lay_out_models(self._memory, self._named_models(folder / "app", plan.arguments), folder)
            (folder / "azureml-models").mkdir(exist_ok=True)
            stage = Stage(
                inference.entry_script,
                str(folder / "app"),
                str(folder / "azureml-models"),
                log_folder / LOG,
                plan.arguments,
                plan.environment_variables,
                *self._interpreter(inference, folder),
            )
            outcome = Job(stage, plan, _mini_batches(plan, inputs, folder), watching).run()
            write_atomically(log_folder / ERRORS, json.dumps(outcome.failures, indent=2))
            write_atomically(log_folder / SUMMARY, json.dumps(_summary(outcome), indent=2))
            if plan.appends and not outcome.error:
                output.mkdir(parents=True, exist_ok=True)
                lines = (line for part in outcome.lines for line in part)
                write_atomically(output / plan.append_row_file_name, "".join(f"{line}\n" for line in lines))
        return outcome

    def _interpreter(self, inference: InferenceConfig, folder: Path) -> tuple[str, str | None]:
        """The interpreter of the workers: this one, or that of an environment, which is built if needed."""
        runtime = choose(needs_of(inference.environment), Store(), nearest=True, notify=silent)
        ready = build_and_wait(runtime.python, inference.environment, folder, silent)
        return ready.python, ready.server_path

    def _named_models(self, source: Path, arguments: Sequence[str]) -> list[Model]:
        """The models whose names appear in the script's folder or its arguments."""
        text = "\n".join(
            [file.read_text(encoding="utf-8", errors="replace") for file in source.rglob("*.py")]
            + [*arguments]
        )
        return [model for model in self._models.list(ModelFilter()) if model.name in text]


def _mini_batches(
    plan: BatchPlan, inputs: Sequence[str] | Sequence[pandas.DataFrame], folder: Path
) -> list[MiniBatch]:
    if isinstance(inputs[0], str):
        size = parse_size(plan.mini_batch_size) if plan.mini_batch_size is not None else DEFAULT_FILES
        return [MiniBatch({"files": part}, len(part)) for part in split(inputs, size)]
    tables: list[Any] = []
    for table in inputs:
        tables += _parts(plan, table)
    made = []
    for number, part in enumerate(tables):
        file = folder / f"mini-batch-{number}.pickle"
        part.to_pickle(file)
        made.append(MiniBatch({"table": str(file)}, len(part)))
    return made


def _parts(plan: BatchPlan, table: Any) -> list[Any]:
    if plan.partition_keys:
        missing = [key for key in plan.partition_keys if key not in table.columns]
        if missing:
            raise InvalidConfig(
                "partition_keys", missing[0], f"is not a column; the columns are {list(table.columns)}"
            )
        grouped = table.groupby(list(plan.partition_keys), sort=False)
        return [part.reset_index(drop=True) for _, part in grouped]
    wanted = parse_size(plan.mini_batch_size) if plan.mini_batch_size is not None else DEFAULT_BYTES
    rows = rows_for(wanted, len(table), int(table.memory_usage(deep=True).sum()))
    return [table.iloc[at : at + rows].reset_index(drop=True) for at in range(0, len(table), rows)]


def _summary(outcome: Outcome) -> dict[str, Any]:
    tally = outcome.tally
    return {
        "mini_batches": tally.batches,
        "failed_mini_batches": tally.failed_batches,
        "items": tally.items,
        "succeeded_items": tally.succeeded_items,
        "failed_items": tally.failed_items,
        "error": outcome.error,
    }
