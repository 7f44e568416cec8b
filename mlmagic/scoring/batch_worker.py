"""``python -m mlmagic.scoring.batch_worker``: one worker of a batch job.

Reads a JSON line for each mini-batch from standard input, ``{"files": [...]}`` or ``{"table": a pickled
DataFrame's file}``, and writes a JSON line about each to standard output: ``{"count", "lines"}``, or
``{"error"}``. Its first line says that init() is done, or why not. What follows ``--`` is the script's own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from mlmagic.scoring.environment import ScriptEnvironment
from mlmagic.scoring.script import import_script, user_traceback
from mlmagic.scoring.shims.finder import install

WRONG = "run() method in the entry script should return a list or a pandas DataFrame"
ROW_SEPARATOR = " "
"""Between the columns of a DataFrame's row, as readers of parallel_run_step.txt expect."""


def main() -> int:
    """Work until there is no more; the exit code."""
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    mine, theirs = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser("python -m mlmagic.scoring.batch_worker")
    parser.add_argument("--entry-script", required=True)
    parser.add_argument("--source-directory", required=True)
    parser.add_argument("--model-dir")
    options = parser.parse_args(mine)
    # Whatever the script prints goes to standard error: standard output is for the answers.
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    environment = ScriptEnvironment.of(options.entry_script, options.source_directory, options.model_dir)
    sys.argv = [str(environment.script), *theirs]
    environment.apply()
    try:
        install()
        module = import_script(environment.script, as_main=False)
        if not callable(getattr(module, "run", None)):
            raise TypeError(f"{environment.script.name} has no run(mini_batch)")
        if callable(getattr(module, "init", None)):
            module.init()
    except Exception as error:
        _tell(answers, {"error": _record(error)})
        return 3
    _tell(answers, {"ready": True})
    for line in sys.stdin:
        _tell(answers, _perform(module.run, json.loads(line)))
    return 0


def _perform(run: Any, task: dict[str, Any]) -> dict[str, Any]:
    try:
        result = run(_mini_batch(task))
        lines = lines_of(result)
        return {"count": len(lines), "lines": lines}
    except Exception as error:
        return {"error": _record(error)}


def _mini_batch(task: dict[str, Any]) -> Any:
    if "files" in task:
        return task["files"]
    import pandas

    return pandas.read_pickle(task["table"])


def lines_of(result: Any) -> list[str]:
    """A line for each element; a row of a DataFrame has its columns with blanks between."""
    if hasattr(result, "to_csv") and hasattr(result, "columns"):
        text = result.to_csv(sep=ROW_SEPARATOR, header=False, index=False)
        return str(text).splitlines()
    if isinstance(result, str | bytes | dict) or not isinstance(result, Iterable):
        raise TypeError(f"{WRONG}; it returned {type(result).__name__}")
    return [" ".join(str(each).splitlines()) for each in result]


def _record(error: Exception) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error), "traceback": user_traceback(error)}


def _tell(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
