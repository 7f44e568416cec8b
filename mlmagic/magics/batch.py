"""`%%batch_script`, `%batch` and `%batches`: a model, a service or a script over many rows or files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from IPython.core.magic import cell_magic, line_magic, magics_class
from IPython.display import display

from mlmagic.core.batch_arguments import GROUPS, OPTIONS
from mlmagic.core.configuration import InferenceConfig
from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.datasets import data_or_place
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, argument, out, thing, with_rows
from mlmagic.magics.script_selection import inference_of
from mlmagic.magics.scripts import capture_options, captured, write_script

if TYPE_CHECKING:
    from mlmagic.engine.batch.batch import Scored

_ENTRY = ("run",)
_SHOWN_FAILURES = 3


def _batch_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    for group, rows in reversed(list(GROUPS.items())):
        magic = with_rows(rows, group)(magic)
    return magic


@magics_class
class BatchMagics(SessionMagics):
    """The batch jobs' magics."""

    @cell_magic
    @parsed
    @argument("name", metavar="NAME", help="The script; %batch NAME runs it.")
    @capture_options
    @out("the captured script", "Output")
    def batch_script(self, args: Arguments, cell: str) -> None:
        """Capture this cell's run(mini_batch) as the script of batch jobs; init() is optional.
        run() gets a DataFrame or a list of paths, and returns a result for each row or file.

        Examples:
          %%batch_script prices
          %%batch_script faces --asset labels.json=data/labels.json --show
        """
        script = captured(self.session, args, cell, magic="batch_script", required=_ENTRY)
        write_script(script, args)
        self.session.keep_batch_script(script)
        self.assign(args.out, script)
        show_message(f"Captured {script.name}. Run it with: %batch {script.name} --input DATA --output PATH")

    @line_magic
    @parsed
    @argument(
        "name",
        nargs="?",
        type=thing,
        metavar="NAME",
        help="A script captured with %%%%batch_script, or a model: NAME or NAME:VERSION.",
    )
    @argument("--service", metavar="SERVICE", help="Score with what this service runs.", group="Script")
    @argument(
        "--entry-script", metavar="FILE", help="A script file that defines run(mini_batch).", group="Script"
    )
    @argument(
        "--source-directory",
        metavar="DIR",
        help="The folder of --entry-script with all files.",
        group="Script",
    )
    @argument("--job", metavar="NAME", help="The job's name. Default: that of what is run.", group="Run")
    @_batch_options
    @out("the job", "Run")
    def batch(self, args: Arguments) -> Any:
        """Score many rows or files, in several processes or on a Dask cluster, and wait for the end.
        A job that was interrupted goes on with --resume: what is done is not done again.

        Examples:
          %batch diabetes --input rows.parquet --output predictions --keep id
          %batch prices --input "data/*.csv" --output prices.csv --processes 4
          %batch --service diabetes-svc --input {frame} --output predictions.parquet
        """
        from mlmagic.sdk.batch_job import BatchJob
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.batch_jobs import BatchJobOutput

        workspace = Workspace.over(self.session.engine)
        if args.input is None or args.output is None:
            missing = "--input" if args.input is None else "--output"
            raise UsageError(
                f"{missing} is missing", hint="For example %batch MODEL --input DATA --output PATH."
            )
        scored, name = self._scored(args)
        given = {option: getattr(args, option) for option in OPTIONS}
        card = BatchJobOutput()
        data = data_or_place(args.input, self.session.namespace)
        job = BatchJob.run(workspace, name, scored, data, args.output, watching=card.draw, **given)
        self._print_failures(job.failures(), str(args.name))
        return self.assign(args.out, job)

    @line_magic
    @parsed
    @argument("names", nargs="*", metavar="NAME", help="Only these jobs; one alone is shown in full.")
    @out("the list")
    def batches(self, args: Arguments) -> Any:
        """List the batch jobs, or show one.

        Examples:
          %batches
          %batches diabetes
        """
        from mlmagic.sdk.batch_job import BatchJob
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.batch_jobs import BatchJobOutput, jobs_listing

        jobs = self.session.engine.batch_jobs
        found = [jobs.get(name) for name in args.names] or jobs.list()
        handles = [BatchJob.of(Workspace.over(self.session.engine), job) for job in found]
        if len(args.names) == 1:
            BatchJobOutput().draw(found[0])
            self.assign(args.out, handles[0])
            return None
        listing = jobs_listing(found, handles)
        if args.out:
            return self.assign(args.out, listing)
        display(listing)
        return None

    def _print_failures(self, failures: Sequence[Mapping[str, Any]], script: str) -> None:
        """The first failures, with the lines of the cell that the script was captured from."""
        captured_script = self.session.batch_script(script)
        for failure in failures[:_SHOWN_FAILURES]:
            trace = str(failure.get("traceback") or "")
            if captured_script is not None:
                trace = captured_script.with_cell_lines(trace)
            print(f"Mini-batch {failure['batch']} has failed {failure['tries']} times:")
            print(trace.rstrip() or f"{failure['type']}: {failure['message']}")
        if len(failures) > _SHOWN_FAILURES:
            print(
                f"{len(failures) - _SHOWN_FAILURES} more mini-batches have failed: see failures() of the job."
            )

    def _scored(self, args: Arguments) -> tuple[Scored, str]:
        """What is run, and the job's name."""
        from mlmagic.sdk.batch_job import scored_models, scored_script, scored_service
        from mlmagic.sdk.workspace import Workspace

        ways = [args.name, args.service, args.entry_script]
        if sum(way is not None for way in ways) != 1:
            raise UsageError(
                "a batch job runs one thing: a script or model by its name, a --service, or an --entry-script"
            )
        if args.source_directory is not None and args.entry_script is None:
            raise UsageError(f"--source-directory {args.source_directory!r} needs --entry-script")
        if args.service is not None:
            workspace = Workspace.over(self.session.engine)
            return scored_service(workspace, args.service), args.job or args.service
        if args.entry_script is not None:
            inference = InferenceConfig(args.entry_script, source_directory=args.source_directory)
            name = args.job or PurePath(str(args.entry_script)).stem
            return scored_script(inference, str(args.entry_script)), name
        name = str(args.name)
        if (script := self.session.batch_script(name)) is not None:
            return scored_script(inference_of(script), f"script {name}"), args.job or name
        [reference] = model_references([name])
        try:
            model = self.session.engine.models.get(reference)
        except NotFound as error:
            raise NotFound(
                "batch script or model", name, [*self.session.batch_script_names, *error.known]
            ) from None
        captured_script = self.session.script(model.name) if model.name in self.session.script_names else None
        inference_or_none = inference_of(captured_script) if captured_script is not None else None
        return scored_models([model.id], inference_or_none), args.job or model.name
