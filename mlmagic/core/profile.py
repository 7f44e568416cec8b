"""Profiles: the measured performance of a service at several sizes, and the recommended size.

Names and keys: ModelProfile of azureml-core 1.61. Beyond them: several sizes, each with a curve of loads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlmagic.core.decimals import with_a_point
from mlmagic.core.statistics import PERCENTILES
from mlmagic.errors import InvalidConfig, InvalidConfigs

CPU_RANGE, MEMORY_RANGE = (0.1, 3.5), (0.1, 15.0)
"""The range that Azure ML v1 allows in a profile, in cores and in gigabytes."""
CONCURRENCIES = (1, 2, 4, 8)
LEAST_SECONDS, MOST_SECONDS = 1.0, 2.0
"""The shortest and the longest default duration of a load: it ends when its intervals are narrow enough."""
NARROW = 0.5
"""The rate of a load is known well enough when its interval is at most half the rate to either side."""
DEFAULT_CPUS = (0.5, 1.0, 2.0, 3.5)
"""The CPU sizes measured by default, as far as the machine has the cores."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)?")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")


def default_cpus(cores: float) -> tuple[float, ...]:
    """The default CPU sizes for a machine with so many cores."""
    return tuple(cpu for cpu in DEFAULT_CPUS if cpu <= cores) or (
        min(CPU_RANGE[1], max(CPU_RANGE[0], cores)),
    )


def default_memory_gb(free_gb: float) -> float:
    """The free memory, within what Azure ML v1 allows: a limit matters only where it is too small."""
    return max(MEMORY_RANGE[0], min(MEMORY_RANGE[1], int(free_gb * 10) / 10))


def parse_sizes(field: str, text: str | None) -> tuple[float, ...]:
    """``0.5,1,2`` as numbers; none for None. Raises `InvalidConfig`."""
    if text and re.fullmatch(r"\s*0,[0-9]+\s*", text):  # two sizes, the first of which is nothing
        raise InvalidConfig(field, text, f"must be numbers above 0{with_a_point(text)}")
    try:
        return tuple(float(part) for part in (text or "").replace(",", " ").split())
    except ValueError:
        raise InvalidConfig(field, text, "must be numbers with commas between, such as 0.5,1,2") from None


def parse_milliseconds(field: str, text: str | None) -> float | None:
    """``50``, ``50ms`` or ``0.05s`` in milliseconds; None for None. Raises `InvalidConfig`."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise InvalidConfig(field, text, "must be a time, such as 50ms or 0.2s")
    return float(found[1]) * (1000 if found[2] == "s" else 1)


def parse_rate(field: str, text: str | None) -> float | None:
    """``200`` or ``0.5``, in requests per second; None for None. Raises `InvalidConfig`."""
    if text is None:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise InvalidConfig(field, text, f"must be a number above 0, such as 200{with_a_point(text)}")
    return rate


class ProfileState(StrEnum):
    """The states of a profile in Azure ML v1."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"
    """Interrupted; the measurements until then are kept."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The performance that a size must reach. Latencies are in milliseconds."""

    latency_ms: float | None = None
    percent: float = 99.0
    """The percentage of requests that must be answered within ``latency_ms``."""
    requests_per_second: float | None = None

    def __str__(self) -> str:
        parts = []
        if self.latency_ms is not None:
            parts.append(f"p{self.percent:g} within {self.latency_ms:g} ms")
        if self.requests_per_second is not None:
            parts.append(f"{self.requests_per_second:g} requests/s")
        return " at ".join(parts) or "none"


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of a core and of a gigabyte per hour, in any currency."""

    core_hour: float
    gigabyte_hour: float


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What to measure. Raises `InvalidConfigs` with every invalid value."""

    name: str
    cpus: tuple[float, ...]
    memories_gb: tuple[float, ...]
    goal: Goal = Goal()
    prices: Prices | None = None
    seconds: float | None = None
    """The duration of each load, summed over its rounds; None: as short as `Load.is_settled` allows."""
    concurrencies: tuple[int, ...] = CONCURRENCIES
    target: str = "local"
    description: str = ""

    def __post_init__(self) -> None:
        violations = list(self._violations())
        if violations:
            raise InvalidConfigs("profile", violations)

    def _violations(self) -> Iterator[InvalidConfig]:
        if not _NAME.fullmatch(self.name or ""):
            yield InvalidConfig(
                "profile name", self.name, "must be 1 to 255 letters, digits, '-', '.' or '_'"
            )
        for name, values, (low, high) in (
            ("cpu", self.cpus, CPU_RANGE),
            ("memory_in_gb", self.memories_gb, MEMORY_RANGE),
        ):
            if not values:
                yield InvalidConfig(name, values, "must name at least one size")
            for value in values:
                if not low <= value <= high:
                    yield InvalidConfig(name, value, f"must be between {low:g} and {high:g}")
        if not 0.1 <= self.longest_seconds <= 600:
            yield InvalidConfig("seconds", self.seconds, "must be between 0.1 and 600")
        for number in self.concurrencies or (0,):
            if not 1 <= number <= 1000:
                yield InvalidConfig("concurrency", number, "must be between 1 and 1000")
        if self.goal.latency_ms is not None and not self.goal.latency_ms > 0:
            yield InvalidConfig("p99", self.goal.latency_ms, "must be above 0 ms")
        if self.goal.requests_per_second is not None and not self.goal.requests_per_second > 0:
            yield InvalidConfig("rps", self.goal.requests_per_second, "must be above 0")

    @property
    def longest_seconds(self) -> float:
        """The longest duration of each load."""
        return MOST_SECONDS if self.seconds is None else self.seconds

    @property
    def duration_in_words(self) -> str:
        """How long the loads of all sizes take."""
        loads = (len(set(self.concurrencies)) + 1) * len(self.sizes)
        most = loads * self.longest_seconds
        least = f"{loads * LEAST_SECONDS:.3g} to " if self.seconds is None else "up to "
        sizes = f"{len(self.sizes)} size{'' if len(self.sizes) == 1 else 's'}"
        return (
            f"Measuring {sizes} takes {least}{most:.3g} s after the services have started; "
            "longer if a request takes long."
        )

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Pairs of cores and gigabytes, the smallest first."""
        return [(cpu, memory) for cpu in sorted(set(self.cpus)) for memory in sorted(set(self.memories_gb))]


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed answers with one status and body: their number, and the row of one of them."""

    status: int
    """0 where there was no answer."""
    body: str
    count: int
    row: int
    """The index of one such row in the dataset."""


@dataclass(frozen=True, slots=True)
class Load:
    """The results of one load. Latencies are in milliseconds, with the bounds of their 95 % intervals."""

    kind: str
    """closed: clients that each send the next request after the last answer; open: a fixed rate of requests,
    with latency counted from the time each was due (no coordinated omission)."""
    level: float
    """Clients, or requests per second."""
    seconds: float
    requests: int
    successes: int
    requests_per_second: float
    rate_interval: tuple[float, float | None]
    mean_ms: float
    percentiles_ms: Mapping[str, float]
    """By percentile, as "99.9"."""
    intervals_ms: Mapping[str, tuple[float, float | None]]
    """An upper bound of None lies beyond the measurements; also in ``rate_interval``."""
    histogram: tuple[tuple[float, int], ...] = ()
    """(upper bound in ms, requests), in buckets of a logarithmic scale."""
    client_cores: float = 0.0
    """The cores that the load generator used; near 1, the generator was the bottleneck."""

    @property
    def is_settled(self) -> bool:
        """Whether more time would add little: every interval has both bounds, and the rate's is narrow.

        The percentiles above the 99th do not count: they need more requests than a short load has.
        """
        low, high = self.rate_interval
        narrow = high is not None and high - low <= 2 * NARROW * self.requests_per_second
        ends = [self.intervals_ms.get(f"{p:g}", (0.0, None)) for p in PERCENTILES if p <= 99]
        return narrow and all(upper is not None for _, upper in ends)

    @property
    def failed(self) -> bool:
        """Whether requests were sent and none succeeded."""
        return self.requests > 0 and not self.successes


@dataclass(frozen=True, slots=True)
class Sample:
    """The resource usage of a service under load at one moment."""

    at: float
    """Seconds since the loads began."""
    cores: float
    memory_gb: float
    throttled: float
    """The share of time in which the CPU limit throttled it."""


@dataclass(frozen=True, slots=True)
class SizeResult:
    """The results of a service at one size."""

    cpu: float
    memory_gb: float
    held_by: str = ""
    cold_start_s: float | None = None
    """From the launch to the first answer."""
    loads: tuple[Load, ...] = ()
    failures: tuple[Failure, ...] = ()
    max_cores: float = 0.0
    peak_memory_gb: float = 0.0
    samples: tuple[Sample, ...] = ()
    error: str = ""
    """Why the measurement stopped early: the service did not start, or it ended."""

    @property
    def fastest(self) -> Load | None:
        """The closed load with the highest rate of successful requests."""
        closed = [load for load in self.loads if load.kind == "closed"]
        return max(closed, key=lambda load: load.requests_per_second, default=None)

    @property
    def capacity(self) -> float:
        """The highest rate of successful requests per second."""
        return self.fastest.requests_per_second if self.fastest is not None else 0.0

    @property
    def successful(self) -> bool:
        """Whether every request of every load succeeded."""
        return bool(self.loads) and not self.error and not self.failures

    def load(self, kind: str, level: float | None = None) -> Load | None:
        """The first load of a kind, at ``level`` if given; None without one."""
        return next((x for x in self.loads if x.kind == kind and level in (None, x.level)), None)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended size."""

    cpu: float
    memory_gb: float
    why: str
    meets_goal: bool = True
    cost_per_1000: float | None = None
    """The cost of 1000 predictions at capacity, in the currency of the prices."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The record of one profile."""

    plan: ProfilePlan
    state: ProfileState
    models: tuple[str, ...]
    created_time: float
    """Seconds since the epoch, UTC."""
    rows: int = 0
    sizes: tuple[SizeResult, ...] = ()
    recommendation: Recommendation | None = None
    error: str = ""
    environment: Mapping[str, Any] | None = None
    dataset_id: str | None = None
    words: str = field(default="", compare=False)
    """The progress of a running profile."""

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def chosen(self) -> SizeResult | None:
        """The size whose figures Azure ML v1's keys show: the recommended one, else the largest."""
        answered = [size for size in self.sizes if size.loads]
        wanted = self.recommendation
        if wanted is not None:
            # A recommendation may have less memory than the size that was measured.
            answered = [s for s in answered if s.cpu >= wanted.cpu and s.memory_gb >= wanted.memory_gb]
            return min(answered, key=lambda size: (size.cpu, size.memory_gb), default=None)
        return answered[-1] if answered else None


def size_in_words(cpu: float, memory_gb: float, between: str = ", ") -> str:
    """A size as text, such as ``1 core, 0.5 GB``."""
    return f"{cpu:g} core{'' if cpu == 1 else 's'}{between}{memory_gb:g} GB"
