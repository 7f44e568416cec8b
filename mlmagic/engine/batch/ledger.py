"""What a batch job has done, in a folder: the results of each span, so that a job that was killed goes on.

    job.json          what the job scores, and how; another job must not go on with its results
    NUMBER.results    the results of the span that begins with this mini-batch
    NUMBER.json       what became of its mini-batches; written last: without it, the span was not scored

Only the job's own process writes here. Both files of a span are renamed into place: a kill leaves a span
done or not done.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mlmagic.core import advice
from mlmagic.core.mini_batches import BatchResult, SpanResult
from mlmagic.errors import Advice, UsageError
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.file_writing import with_remedy

_JOB = "job.json"


class Ledger:
    """The spans of one job that are done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def open(cls, folder: Path, job: dict[str, Any]) -> Ledger:
        """The ledger of ``job``: an empty one, or the one that a killed process has left.

        Raises `UsageError` if the one that is there is of other input, another script or other settings.
        """
        folder.mkdir(parents=True, exist_ok=True)
        ledger, mine = cls(folder), json.loads(json.dumps(job))
        found = _read(folder / _JOB)
        if found is None:
            write_atomically(folder / _JOB, json.dumps(mine))
        elif found != mine:
            changed = sorted(key for key in {*found, *mine} if found.get(key) != mine.get(key))
            raise UsageError(
                f"the job cannot go on: since it was begun, there is another {' and '.join(changed)}",
                hint=Advice("Start a new one, without {resume}.", resume=advice.argument("resume")),
            )
        return ledger

    def done(self) -> list[SpanResult]:
        """What became of the spans that are done, in the order of the input, without their results."""
        return [
            SpanResult(tuple(BatchResult.of_record(each) for each in _read(file)))
            for file in sorted(self._folder.glob("[0-9]*.json"))
        ]

    def record(self, result: SpanResult) -> None:
        """Record a span; once this returns it is done. Raises `WorkspaceUnavailable` if the disk is full."""
        results = self._place(result.first, "results")
        draft = results.with_suffix(".draft")
        with with_remedy(self._folder):
            draft.write_bytes(result.payload)
            draft.replace(results)
        records = [each.record() for each in result.batches]
        write_atomically(self._place(result.first, "json"), json.dumps(records))

    def parts(self) -> list[Path]:
        """The files with results, in the order of the input; empty ones are left out."""
        parts = (file.with_suffix(".results") for file in sorted(self._folder.glob("[0-9]*.json")))
        return [part for part in parts if part.stat().st_size]

    def remove(self) -> None:
        """Remove it: the results are elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, first: int, suffix: str) -> Path:
        return self._folder / f"{first:08}.{suffix}"


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
