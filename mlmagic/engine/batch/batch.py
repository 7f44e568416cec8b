"""Batch scoring: a script over many files or rows, on a Dask cluster."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlmagic.capture.entry import ENTRY
from mlmagic.capture.modules import installed_modules
from mlmagic.core.batch import BatchPlan, Tally
from mlmagic.core.compiled_models import COMPILED_FOLDER, Compiled, chosen, has_parts, modules_to_import
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.environment import needs_of
from mlmagic.core.mini_batches import MiniBatch
from mlmagic.core.model import Model, ModelFilter, StoredFile
from mlmagic.core.notify import silent
from mlmagic.core.webservice import Revision
from mlmagic.engine import staging
from mlmagic.engine.batch import cluster, results, runner
from mlmagic.engine.batch.inputs import Inputs, check_columns, identities, mini_batches
from mlmagic.engine.batch.job import Job, OnTally, Outcome
from mlmagic.engine.batch.ledger import Ledger
from mlmagic.engine.batch.stage import Stage
from mlmagic.engine.environments.builds import build_and_wait
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.engine.models.models import Models
from mlmagic.engine.requirements import completed, with_compiled
from mlmagic.engine.scripts import no_code, sources
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.scoring.telemetry.job_spans import JobSpans, Work
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.files import Intake
from mlmagic.workspace.memory import Memory

LOG, ERRORS, SUMMARY = "logs/user.txt", "logs/errors.json", "logs/summary.json"
SPANS, ROWS = "spans", "rows"
"""Folders of a job, until its results are written: what is done, and rows that had to be read beforehand."""


def _unwatched(_tally: Tally) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a batch job runs: a script with ``run(mini_batch)``, or one that serves requests.

    The latter, which ``is_served``, gets each mini-batch as a request: the ``inference`` with the ``models``,
    the models without a script, or a ``revision`` of a service with its models.
    """

    inference: InferenceConfig | None = None
    models: tuple[str, ...] = ()
    is_served: bool = False
    revision: Revision | None = None
    words: str = ""
    """What people see."""


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that is laid out in a folder."""

    inference: InferenceConfig
    files: Sequence[StoredFile]
    used: Sequence[Model]
    model_dir: str
    """AZUREML_MODEL_DIR, relative to the folder."""
    is_served: bool
    compiled: Compiled = field(default_factory=dict)
    """What compiling its models gave, where it uses that."""


class Batch:
    """Runs batch jobs with the models of one workspace."""

    def __init__(self, memory: Memory, models: Models, temporary_work: TemporaryWork) -> None:
        self._memory, self._models, self._temporary_work = memory, models, temporary_work

    def run(
        self,
        plan: BatchPlan,
        scored: InferenceConfig | Scored,
        inputs: Inputs,
        output: Path,
        log_folder: Path,
        *,
        scheduler: str | None = None,
        watching: OnTally = _unwatched,
        connected: Callable[[str], None] = lambda dashboard: None,
    ) -> Outcome:
        """Call ``run(mini_batch)`` over all files, or over the rows of all tables; returns at the end.

        A mini-batch has rows of one table only, unless the plan has partition keys. The results are written
        atomically: lines to ``append_row_file_name`` in the folder ``output``, a table to ``output`` itself.
        The script's output and the errors of mini-batches go to ``log_folder``. Of a script alone, the models
        that it or its arguments name are laid out for it. The outcome records a failed job; raises only for
        errors known before the start, and if the cluster is lost. What is done then is in ``log_folder``: a
        second call goes on with it. ``connected`` is called with the address of the dashboard.

        ``scheduler`` is the address of a Dask scheduler (default: that of MLMAGIC_BATCH_SCHEDULER, else a
        cluster of this process).
        """
        if plan.as_table:
            results.check_output(output)
        cluster.check_installed()
        address = scheduler or os.environ.get(cluster.SCHEDULER) or None
        (log_folder / "logs").mkdir(parents=True, exist_ok=True)
        with (
            self._temporary_work.begin("batch") as work,
            self._memory.files.intake() as intake,
        ):
            given = scored if isinstance(scored, Scored) else Scored(scored)
            script = self._laid_out(given, plan, intake, work.folder)
            batches = mini_batches(plan, inputs, log_folder / ROWS)
            check_columns(plan.keep, batches)
            ledger = Ledger.open(log_folder / SPANS, _identity(plan, script, batches))
            stage = self._stage(plan, script, work.folder, log_folder, is_local=address is None)
            stage = replace(stage, modules=_libraries(script, work.folder, batches))
            here = min(plan.processes, len(batches)) if address is None else 0
            with _span(script, batches) as span:
                stage = replace(stage, variables={**span.variables(), **stage.variables})
                with _begun(stage, here), cluster.connected(address, plan.processes, work.folder) as found:
                    connected(found.dashboard)
                    outcome = Job(found, stage, plan, batches, ledger, watching).run()
                span.failed = bool(outcome.error)
                span.attributes["mlmagic.batch.failed_mini_batches"] = outcome.tally.failed_batches
            write_atomically(log_folder / ERRORS, json.dumps(outcome.failures, indent=2))
            write_atomically(log_folder / SUMMARY, json.dumps(_summary(outcome), indent=2))
            if not outcome.error:
                _write(plan, outcome, output)
            ledger.remove()
            shutil.rmtree(log_folder / ROWS, ignore_errors=True)
        return outcome

    def _laid_out(self, scored: Scored, plan: BatchPlan, intake: Intake, folder: Path) -> _Script:
        """The script in ``folder``/app and its models beside it."""
        inference = scored.inference
        if scored.revision is not None:
            files, inference = tuple(scored.revision.files), scored.revision.inference
            self._memory.files.copy_out(files, folder / "app")
        else:
            required = ENTRY if scored.is_served else ("run",)
            inference = inference or no_code.inference_for(self._models.find_all(scored.models))[0]
            files, inference = sources.take(intake, inference, required=required)
            intake.copy_out(files, folder / "app")
        if scored.is_served or scored.models:
            used = self._models.find_all(scored.models)
        else:
            used = self._named_models(folder / "app", plan.arguments)
        compiled = scored.revision.compiled if scored.revision is not None else chosen(used, None)
        staging.lay_out_compiled(self._memory, compiled, folder)
        model_dir = staging.lay_out_models(self._memory, used, folder)
        if model_dir is None or not scored.is_served:
            model_dir = str(folder / "azureml-models")
        Path(model_dir).mkdir(parents=True, exist_ok=True)
        return _Script(inference, files, used, os.path.relpath(model_dir, folder), scored.is_served, compiled)

    def _stage(
        self, plan: BatchPlan, script: _Script, folder: Path, log_folder: Path, *, is_local: bool
    ) -> Stage:
        inference = script.inference
        python, server_path = self._interpreter(script, folder)
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
            script.is_served,
            models=script.model_dir,
            compiled=COMPILED_FOLDER if has_parts(script.compiled) else "",
        )
        stage.mark()
        return stage

    def _interpreter(self, script: _Script, folder: Path) -> tuple[str, str | None]:
        """The interpreter of the script: this one, or that of an environment, which is built if needed."""
        inference = script.inference
        needs = needs_of(inference.environment)
        if script.is_served:
            needs = completed(needs, inference, script.used, self._memory.files)
        needs = with_compiled(needs, script.compiled)
        runtime = choose(needs, Store(), nearest=True, notify=silent)
        ready = build_and_wait(runtime.python, inference.environment, folder, silent)
        return ready.python, ready.server_path

    def _named_models(self, source: Path, arguments: Sequence[str]) -> list[Model]:
        """The models whose names appear in the script's folder or its arguments."""
        text = "\n".join(
            [file.read_text(encoding="utf-8", errors="replace") for file in source.rglob("*.py")]
            + [*arguments]
        )
        return [model for model in self._models.list(ModelFilter()) if model.name in text]


@contextmanager
def _begun(stage: Stage, processes: int) -> Iterator[None]:
    """Have so many processes load the script while the cluster is being made; afterwards none is left."""
    try:
        runner.begin_processes(stage, processes)
        yield
    finally:
        runner.end_job(stage, at_once=True)


@contextmanager
def _span(script: _Script, batches: Sequence[MiniBatch]) -> Iterator[Work]:
    """The span of a job, below that of whoever has started it; the calls of run() are below it."""
    spans = JobSpans("mlmagic batch job")
    name = script.inference.entry_script
    try:
        with spans.span(f"batch {name}", **{"mlmagic.batch.mini_batches": len(batches)}) as work:
            yield work
    finally:
        spans.close()


def _libraries(script: _Script, folder: Path, batches: Sequence[MiniBatch]) -> tuple[str, ...]:
    """The libraries that the script's processes will import."""
    source = (folder / "app" / script.inference.entry_script).read_text(encoding="utf-8")
    named = {*script.inference.modules, *installed_modules(source)}
    found = set(modules_to_import(named, script.used, script.compiled))
    if any("slices" in batch.task for batch in batches):
        found.update(("pandas", "pyarrow.parquet"))
    return tuple(sorted(found))


def _identity(plan: BatchPlan, script: _Script, batches: Sequence[MiniBatch]) -> dict[str, Any]:
    """What must be the same if a job is to go on with the results that it has."""
    tasks = hashlib.sha256(json.dumps([batch.task for batch in batches]).encode()).hexdigest()
    return {
        "input": [tasks, identities(batches)],
        "script": [[file.path, file.digest] for file in script.files],
        "models": [model.id for model in script.used],
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
