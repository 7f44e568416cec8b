"""The arguments of a batch job: the options of `%batch` and of ``mlmagic batch run``, from one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlmagic.core.arguments import SECONDS
from mlmagic.core.batch import BatchPlan
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig, UsageError

DATA, RUN, LIMITS = "Data", "Run", "Failures"
GROUPS: Mapping[str, tuple[OptionRow, ...]] = {
    DATA: (
        OptionRow(
            "input",
            ("-i", "--input"),
            "What to score: a file or folder, a URL or pattern, or a registered dataset. Of Parquet, CSV and "
            "JSON lines the rows are scored, of other files their paths.",
            "DATA",
        ),
        OptionRow(
            "output",
            ("--output-path",),
            "Where the results go: a folder for Parquet files, or a file with .parquet, .csv or .jsonl.",
            "PATH",
            in_magic=("--output",),
        ),
        OptionRow("files", ("--files",), "Score files by their paths, also those that are tables."),
        OptionRow(
            "keep",
            ("--keep",),
            "Columns of the input to keep beside the results, such as id,date.",
            "COLUMNS",
        ),
        OptionRow(
            "partition_keys",
            ("--partition-by",),
            "Columns: the rows with the same values in them are one mini-batch.",
            "COLUMNS",
        ),
    ),
    RUN: (
        OptionRow(
            "mini_batch_size",
            ("--mini-batch",),
            "The size of a mini-batch: so many files, or bytes of a table. Default: 10 or 16MB.",
            "SIZE",
        ),
        OptionRow("process_count", ("--processes",), "Processes. Default: one for each core.", "COUNT"),
        OptionRow(
            "scheduler",
            ("--scheduler",),
            "The address of a Dask scheduler, such as tcp://10.0.0.5:8786. Default: this machine.",
            "ADDRESS",
        ),
        OptionRow("resume", ("--resume",), "Go on with the job of this name that was interrupted."),
    ),
    LIMITS: (
        OptionRow("run_max_try", ("--tries",), "How often a mini-batch is tried. Default: 3.", "COUNT"),
        OptionRow(
            "run_invocation_timeout",
            ("--timeout",),
            "How long run() may take for a mini-batch, such as 90s or 5m. Default: 60s.",
            "TIME",
        ),
        OptionRow(
            "error_threshold",
            ("--error-threshold",),
            "How many rows or files may fail before the job fails. Default: any number.",
            "COUNT",
        ),
        OptionRow(
            "allowed_failed_percent",
            ("--failed-percent",),
            "How many mini-batches may fail, in percent of all. Default: any number.",
            "PERCENT",
        ),
    ),
}
PLACES = ("input", "output")
OPTIONS = [row.name for rows in GROUPS.values() for row in rows if row.name not in PLACES]
"""The names of all options but `PLACES`, which say where the data is."""
DEFAULT_SIZE = "16MB"
"""Of a table's mini-batches: large enough that a call of run() is not most of the work."""
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)")
_WORTH = {"": 1.0, **SECONDS}


def plan_of(given: Mapping[str, Any], *, is_table: bool) -> BatchPlan:
    """The plan that a line asks for, of the texts of its options by name.

    Raises `UsageError` for options that exclude each other, and `InvalidConfigs` with every wrong value.
    """
    keys, keep = _columns(given.get("partition_keys")), _columns(given.get("keep"))
    if (keys or keep) and not is_table:
        option = "--partition-by" if keys else "--keep"
        raise UsageError(f"{option} needs a table: files have no columns")
    size = given.get("mini_batch_size") or (DEFAULT_SIZE if is_table and not keys else None)
    return BatchPlan(
        error_threshold=_whole("error_threshold", given.get("error_threshold"), -1),
        mini_batch_size=size,
        process_count=_whole("process_count", given.get("process_count"), None),
        run_invocation_timeout=_seconds(given.get("run_invocation_timeout")),
        run_max_try=_whole("run_max_try", given.get("run_max_try"), 3),
        allowed_failed_percent=_number("allowed_failed_percent", given.get("allowed_failed_percent")),
        partition_keys=keys,
        as_table=True,
        keep=keep,
    )


def _columns(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in (text or "").split(","))))


def _whole(field: str, text: str | None, default: Any) -> Any:
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise InvalidConfig(field, text, "must be a whole number") from None


def _number(field: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        raise InvalidConfig(field, text, "must be a number") from None


def _seconds(text: str | None) -> float:
    if text is None:
        return 60.0
    found = _SECONDS.fullmatch(text.strip())
    if found is None:
        raise InvalidConfig("run_invocation_timeout", text, "must be a time, such as 90s or 5m")
    return float(found[1]) * _WORTH[found[2]]
