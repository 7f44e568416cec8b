"""Batch scoring: a script over many files or rows, on a Dask cluster."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.batch import BatchPlan, Tally
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.environment import needs_of
from mlmagic.core.mini_batches import MiniBatch
from mlmagic.core.model import Model, ModelFilter, StoredFile
from mlmagic.core.notify import silent
from mlmagic.engine import staging
from mlmagic.engine.batch import cluster, results
from mlmagic.engine.batch.inputs import Inputs, identities, mini_batches
from mlmagic.engine.batch.job import Job, OnTally, Outcome
from mlmagic.engine.batch.ledger import Ledger
from mlmagic.engine.batch.stage import Stage
from mlmagic.engine.environments.builds import build_and_wait
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.engine.models.models import Models
from mlmagic.engine.scripts import sources
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.memory import Memory

LOG, ERRORS, SUMMARY = "logs/user.txt", "logs/errors.json", "logs/summary.json"
SPANS, ROWS = "spans", "rows"
"""Folders of a job, until its results are written: what is done, and rows that had to be read beforehand."""


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
        inputs: Inputs,
        output: Path,
        log_folder: Path,
        *,
        scheduler: str | None = None,
        watching: OnTally = _unwatched,
    ) -> Outcome:
        """Call ``run(mini_batch)`` over all files, or over the rows of all tables; returns at the end.

        A mini-batch has rows of one table only, unless the plan has partition keys. The results are written
        atomically: lines to ``append_row_file_name`` in the folder ``output``, a table to ``output`` itself.
        The script's output and the errors of mini-batches go to ``log_folder``. The models that the script or
        its arguments name are laid out for it. The outcome records a failed job; raises only for errors
        known before the start, and if the cluster is lost. What is done then is in ``log_folder``: a second
        call goes on with it.

        ``scheduler`` is the address of a Dask scheduler (default: that of MLMAGIC_BATCH_SCHEDULER, else a
        cluster of this process).
        """
        if plan.as_table:
            results.check_output(output)
        address = scheduler or os.environ.get(cluster.SCHEDULER) or None
        (log_folder / "logs").mkdir(parents=True, exist_ok=True)
        with (
            self._temporary_work.begin("batch") as work,
            self._memory.files.intake() as intake,
            cluster.connected(address, plan.processes) as connection,
        ):
            files, inference = sources.take(intake, inference, required=("run",))
            intake.copy_out(files, work.folder / "app")
            used = self._named_models(work.folder / "app", plan.arguments)
            staging.lay_out_models(self._memory, used, work.folder)
            (work.folder / "azureml-models").mkdir(exist_ok=True)
            stage = self._stage(plan, inference, work.folder, log_folder, is_local=connection.is_local)
            batches = mini_batches(plan, inputs, log_folder / ROWS)
            ledger = Ledger.open(log_folder / SPANS, _identity(plan, files, used, batches))
            outcome = Job(connection, stage, plan, batches, ledger, watching).run()
            write_atomically(log_folder / ERRORS, json.dumps(outcome.failures, indent=2))
            write_atomically(log_folder / SUMMARY, json.dumps(_summary(outcome), indent=2))
            if not outcome.error:
                _write(plan, outcome, output)
            ledger.remove()
            shutil.rmtree(log_folder / ROWS, ignore_errors=True)
        return outcome

    def _stage(
        self, plan: BatchPlan, inference: InferenceConfig, folder: Path, log_folder: Path, *, is_local: bool
    ) -> Stage:
        python, server_path = self._interpreter(inference, folder)
        own = python == sys.executable and not is_local  # other machines have their own
        stage = Stage(
            uuid.uuid4().hex[:12],
            str(folder),
            str((log_folder / LOG).absolute()),
            inference.entry_script,
            results.kind_of(plan),
            plan.keep,
            plan.arguments,
            plan.environment_variables,
            "" if own else python,
            None if own else server_path,
            max(1, (os.cpu_count() or 1) // plan.processes),
        )
        stage.mark()
        return stage

    def _interpreter(self, inference: InferenceConfig, folder: Path) -> tuple[str, str | None]:
        """The interpreter of the script: this one, or that of an environment, which is built if needed."""
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


def _identity(
    plan: BatchPlan, files: Sequence[StoredFile], used: Sequence[Model], batches: Sequence[MiniBatch]
) -> dict[str, Any]:
    """What must be the same if a job is to go on with the results that it has."""
    tasks = hashlib.sha256(json.dumps([batch.task for batch in batches]).encode()).hexdigest()
    return {
        "input": [tasks, identities(batches)],
        "script": [[file.path, file.digest] for file in files],
        "models": [model.id for model in used],
        "settings": [results.kind_of(plan), list(plan.keep), list(plan.arguments)],
    }


def _write(plan: BatchPlan, outcome: Outcome, output: Path) -> None:
    if plan.as_table:
        results.write_table(outcome.parts, output)
    elif plan.appends:
        results.write_lines(outcome.parts, output / plan.append_row_file_name)


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
