"""``python -m mlmagic.scoring.batch``: the process of a batch job that runs the script.

Reads a JSON line for each mini-batch from standard input: its ``files``, or the ``slices`` of tables that its
rows are in, and its ``context``. Answers each on standard output with a JSON line, ``{"count", "bytes"}`` and
so many bytes of results, or ``{"error"}``. The first answer says that init() has returned, or why not. What
follows ``--`` is the script's own. With ``--served`` the script is that of a service, or of a model.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mlmagic.scoring.batch.context import MiniBatchContext
from mlmagic.scoring.batch.results import ENCODERS, Encoder
from mlmagic.scoring.batch.tables import TableReader
from mlmagic.scoring.environment import ScriptEnvironment
from mlmagic.scoring.preload import preload
from mlmagic.scoring.process_exit import leave
from mlmagic.scoring.process_title import show_as
from mlmagic.scoring.script import import_script, user_traceback
from mlmagic.scoring.shims.finder import install
from mlmagic.scoring.telemetry.job_spans import JobSpans

_MINI_BATCH = "mlmagic.batch.mini_batch"


def main() -> int:
    """Process mini-batches until the input ends; the exit code."""
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    mine, theirs = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser("python -m mlmagic.scoring.batch")
    parser.add_argument("--entry-script", required=True)
    parser.add_argument("--source-directory", required=True)
    parser.add_argument("--model-dir")
    parser.add_argument("--results", choices=sorted(ENCODERS), required=True)
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--preload", action="append", default=[], help="a library that will be needed")
    parser.add_argument("--served", action="store_true")
    options = parser.parse_args(mine)
    show_as("mlmagic batch job", "mlmagic.scoring.batch")
    # Output of the script goes to standard error: standard output is for the answers.
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    environment = ScriptEnvironment.of(options.entry_script, options.source_directory, options.model_dir)
    sys.argv = [str(environment.script), *theirs]
    environment.apply()
    preload(options.preload)
    try:
        install()
        script = _script(environment.script, served=options.served)
        if callable(getattr(script, "init", None)):
            script.init()
    except Exception as error:
        _answer(answers, {"error": _record(getattr(error, "cause", error))})
        return 3
    _answer(answers, {"ready": True})
    caller = _Caller(script.run, ENCODERS[options.results](options.keep))
    spans = JobSpans("mlmagic batch job")
    for line in sys.stdin:
        task = json.loads(line)
        with spans.span("run", **{_MINI_BATCH: task["context"]["index"]}) as work:
            header, payload = caller.perform(task)
            work.failed = "error" in header
        _answer(answers, header, payload)
    spans.close()
    if callable(getattr(script, "shutdown", None)):
        script.shutdown()
    return 0


def _script(path: Path, *, served: bool) -> Any:
    """What has init() and run(mini_batch). Raises `TypeError` for a script without run()."""
    if served:
        from mlmagic.scoring.batch.served import ServedScript

        return ServedScript(path)
    module = import_script(path, as_main=False)
    if not callable(getattr(module, "run", None)):
        raise TypeError(f"{path.name} has no run(mini_batch)")
    return module


class _Caller:
    """Calls run() with one mini-batch after another."""

    def __init__(self, run: Callable[..., Any], encoder: Encoder) -> None:
        self._run, self._encoder, self._tables = run, encoder, TableReader()
        self._takes_context = takes_context(run)

    def perform(self, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer to a task, and the results in bytes."""
        try:
            mini_batch = task["files"] if "files" in task else self._tables.read(task["slices"])
            kept = self._encoder.kept(mini_batch)  # first: run() may change its mini-batch
            context = (MiniBatchContext.of(task),) if self._takes_context else ()
            count, payload = self._encoder.encode(self._run(mini_batch, *context), kept)
            return {"count": count, "bytes": len(payload)}, payload
        except Exception as error:
            return {"error": _record(error)}, b""


def takes_context(run: Callable[..., Any]) -> bool:
    """Whether run() has a second positional parameter, for the context of its mini-batch."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(run).parameters.values()
    return len([each for each in parameters if each.kind in kinds]) > 1 or any(
        each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters
    )


def _record(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error), "traceback": user_traceback(error)}


def _answer(answers: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    answers.write(json.dumps(header).encode() + b"\n")
    answers.write(payload)
    answers.flush()


if __name__ == "__main__":
    leave(main())
