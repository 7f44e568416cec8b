"""Batch scoring: the settings of a job, how inputs are split, and when a job has failed. Pure rules.

Names, defaults and rules: ParallelRunConfig of azureml-pipeline-steps. Failed items are counted over the
whole input, failed mini-batches over all mini-batches.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.paths import broken_rule
from mlmagic.errors import InvalidConfig, InvalidConfigs

APPEND_ROW, SUMMARY_ONLY = "append_row", "summary_only"
DEFAULT_FILES, DEFAULT_BYTES = 10, 1 << 20
"""The default size of a mini-batch: files, or bytes of a table."""
DEFAULT_APPEND_FILE = "parallel_run_step.txt"
_SIZE = re.compile(r"(\d+)\s*([kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_NOT_IN_NAMES = set('~"#%&*:<>?/\\{|}')


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The settings of a batch job. Raises `InvalidConfigs` with every invalid value."""

    error_threshold: int = -1
    """How many items may fail; -1: any number."""
    output_action: str = APPEND_ROW
    mini_batch_size: str | int | None = None
    """Files, or bytes of a table such as ``1MB``; None: 10 files, or 1 MB."""
    process_count: int | None = None
    """Worker processes; None: one for each core."""
    run_invocation_timeout: float = 60.0
    """Seconds that run() may take for one mini-batch."""
    run_max_try: int = 3
    append_row_file_name: str = DEFAULT_APPEND_FILE
    allowed_failed_count: int | None = None
    """How many mini-batches may fail; None or -1: any number."""
    allowed_failed_percent: float | None = None
    partition_keys: tuple[str, ...] = ()
    """Columns: each combination of their values is one mini-batch."""
    arguments: tuple[str, ...] = ()
    """The script's arguments, in ``sys.argv``."""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    as_table: bool = False
    """Whether the results are rows of a table, in place of lines of ``append_row_file_name``."""
    keep: tuple[str, ...] = ()
    """Columns of the input that stand beside the results in that table."""

    def __post_init__(self) -> None:
        found = list(self._violations())
        if found:
            raise InvalidConfigs("ParallelRunConfig", found)

    def _violations(self) -> Iterator[InvalidConfig]:
        if str(self.output_action).lower() not in (APPEND_ROW, SUMMARY_ONLY):
            yield InvalidConfig(
                "output_action", self.output_action, f"must be {APPEND_ROW} or {SUMMARY_ONLY}"
            )
        for name, least in (("error_threshold", -1), ("run_max_try", 1)):
            if not _is_whole(getattr(self, name)) or getattr(self, name) < least:
                yield InvalidConfig(name, getattr(self, name), f"must be a whole number from {least} on")
        for name, least in (("process_count", 1), ("allowed_failed_count", -1)):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or value < least):
                yield InvalidConfig(name, value, f"must be a whole number from {least} on")
        if not self.run_invocation_timeout > 0:
            yield InvalidConfig(
                "run_invocation_timeout", self.run_invocation_timeout, "must be above 0 seconds"
            )
        percent = self.allowed_failed_percent
        if percent is not None and not 0 <= percent <= 100:
            yield InvalidConfig("allowed_failed_percent", percent, "must be between 0 and 100")
        if bad := _NOT_IN_NAMES & set(self.append_row_file_name):
            yield InvalidConfig(
                "append_row_file_name",
                self.append_row_file_name,
                f"must not contain {' '.join(sorted(bad))}",
            )
        elif (rule := broken_rule(self.append_row_file_name)) is not None:
            yield InvalidConfig("append_row_file_name", self.append_row_file_name, rule)
        if self.mini_batch_size is not None:
            try:
                parse_size(self.mini_batch_size)
            except InvalidConfig as error:
                yield error
            if self.partition_keys:
                yield InvalidConfig("mini_batch_size", self.mini_batch_size, "excludes partition_keys")

    @property
    def appends(self) -> bool:
        """Whether the results of run() are written to a file."""
        return self.output_action.lower() == APPEND_ROW and not self.as_table

    @property
    def processes(self) -> int:
        """The number of worker processes."""
        return self.process_count or os.cpu_count() or 1


def parse_size(given: str | int) -> int:
    """``10``, ``"10"`` or ``"1MB"`` as a number. Raises `InvalidConfig`."""
    found = _SIZE.fullmatch(str(given).strip())
    if found is None or int(found[1]) < 1:
        raise InvalidConfig("mini_batch_size", given, "must be a whole number, or a size such as 10KB or 1MB")
    return int(found[1]) * _UNITS[found[2].lower()]


def split(items: Sequence[Any], count: int) -> list[list[Any]]:
    """Split ``items`` into lists of ``count``, in order; the last may be shorter."""
    return [list(items[at : at + count]) for at in range(0, len(items), count)]


def rows_for(bytes_wanted: int, rows: int, total_bytes: int) -> int:
    """The number of rows that make about ``bytes_wanted``; at least 1."""
    return max(1, rows * bytes_wanted // max(total_bytes, 1))


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a running batch job."""

    batches: int
    """The number of all mini-batches."""
    items: int
    failed_batches: int = 0
    failed_items: int = 0
    succeeded_items: int = 0

    @property
    def done_items(self) -> int:
        """The items that were tried, with whatever result."""
        return self.succeeded_items + self.failed_items

    def rate(self, seconds: float) -> float:
        """Items per second, on the average of so many."""
        return self.done_items / seconds if seconds > 0 else 0.0

    def seconds_left(self, seconds: float) -> float | None:
        """The time that the rest takes at this rate; None if nothing is done yet."""
        rate = self.rate(seconds)
        return (self.items - self.done_items) / rate if rate else None

    def reason(self, plan: BatchPlan, *, over: bool) -> str:
        """Why the job has failed, or an empty text; some reasons are known only when it is ``over``."""
        if plan.error_threshold >= 0 and self.failed_items > plan.error_threshold:
            return f"{self.failed_items} items have failed, more than error_threshold {plan.error_threshold}"
        allowed = plan.allowed_failed_count
        if allowed is not None and 0 <= allowed < self.failed_batches:
            return f"{self.failed_batches} mini-batches have failed, more than allowed_failed_count {allowed}"
        percent = plan.allowed_failed_percent
        if percent is not None and self.batches and self.failed_batches * 100 / self.batches > percent:
            return (
                f"{self.failed_batches} of {self.batches} mini-batches have failed, "
                f"more than allowed_failed_percent {percent:g}"
            )
        if over and self.items and not self.succeeded_items:
            return "There is no succeeded mini batch item returned from run()"
        return ""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
