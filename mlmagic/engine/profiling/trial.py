"""One size tried: the service is launched, held to it, loaded and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlmagic.core.configuration import BYTES_PER_GB
from mlmagic.core.profile import Failure, Load, ProfilePlan, Sample, SizeResult
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.engine import probe
from mlmagic.engine.profiling.loads import LoaderProcess, load_of, wanted_loads
from mlmagic.errors import LaunchFailed, MLMagicError, ScriptError
from mlmagic.targets.base import ComputeTarget, Measures

START_SECONDS = 300.0
LOOK_SECONDS = 0.1
MOST_SAMPLES = 200
MOST_FAILURES = 20
_POLL_SECONDS = 0.005

Tell = Callable[[str], None]
"""Takes what is going on."""


@dataclass(slots=True)
class Watch:
    """Looks at what a service uses, again and again, and remembers."""

    usage: Callable[[], Usage]
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int = 0
    _began: float = 0.0
    _last: tuple[float, Usage] | None = None

    def look(self) -> None:
        now, used = time.monotonic(), self.usage()
        self.peak_bytes = max(self.peak_bytes, used.peak_bytes, used.memory_bytes)
        if self._last is None:
            self._began, self._last = now, (now, used)
            return
        then, before = self._last
        seconds = now - then
        if seconds < LOOK_SECONDS / 2:
            return
        self.samples.append(
            Sample(
                round(now - self._began, 3),
                max(0.0, used.cpu_seconds - before.cpu_seconds) / seconds,
                used.memory_bytes / BYTES_PER_GB,
                min(1.0, max(0.0, used.throttled_seconds - before.throttled_seconds) / seconds),
            )
        )
        self._last = (now, used)


def try_size(
    target: ComputeTarget[Any], spec: ServiceSpec, plan: ProfilePlan, rows: Sequence[bytes], tell: Tell
) -> SizeResult:
    """Measure one size; what goes wrong with the service is in the result.

    A KeyboardInterrupt passes through when the service has been stopped.
    """
    config = spec.config
    held_by = target.holds_by(config) if isinstance(target, Measures) else "not at all"
    result = SizeResult(config.cpu, config.memory_gb, held_by)
    began = time.monotonic()
    try:
        handle = target.launch(spec, tell)
    except MLMagicError as error:
        return replace(result, error=str(error))
    watch = Watch(lambda: target.usage(handle) if isinstance(target, Measures) else Usage())
    try:
        url = wait_until_up(target, handle)
        result = replace(result, cold_start_s=time.monotonic() - began)
        loads, failures = _load(LoaderProcess(url, rows), plan, len(rows), watch, tell)
        ended = target.observe(handle)
        if ended.ended:
            result = replace(result, error=_why(ended))
        result = replace(result, loads=tuple(loads), failures=alike(failures))
    except MLMagicError as error:
        result = replace(result, error=str(error))
    finally:
        watch.look()
        target.stop(handle, grace=1.0)
    return replace(
        result,
        max_cores=max((sample.cores for sample in smooth(watch.samples, 10)), default=0.0),
        peak_memory_gb=watch.peak_bytes / BYTES_PER_GB,
        samples=tuple(smooth(watch.samples, -(-len(watch.samples) // MOST_SAMPLES))),
    )


def wait_until_up(target: ComputeTarget[Any], handle: Any) -> str:
    """Where a service answers, when it does. Raises `ScriptError` or `LaunchFailed` if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        seen = target.observe(handle)
        if seen.ended:
            if seen.error and seen.error.get("phase"):
                raise ScriptError.from_record(dict(seen.error))
            raise LaunchFailed(target.name, _why(seen), log="\n".join(target.logs(handle, tail=10)))
        if seen.phase is Phase.RUNNING and seen.url and probe.answers(seen.url):
            return seen.url
        if time.monotonic() > deadline:
            raise LaunchFailed(target.name, f"it did not answer within {START_SECONDS:g} s ({seen.words})")
        time.sleep(_POLL_SECONDS)


def _load(
    loader: LoaderProcess, plan: ProfilePlan, rows: int, watch: Watch, tell: Tell
) -> tuple[list[Load], list[Failure]]:
    loads: list[Load] = []
    failures: list[Failure] = []
    while (wanted := wanted_loads(plan.concurrencies, plan.seconds, rows, plan.goal, loads)) is not None:
        tell(str(wanted))
        watch.look()
        load, failed = load_of(loader.run(wanted, watch.look, LOOK_SECONDS))
        loads.append(load)
        failures += failed
        if not load.successes:
            break
    return loads, failures


def alike(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Those of one status and body as one, the most frequent first."""
    found: dict[tuple[int, str], Failure] = {}
    for failure in failures:
        before = found.get((failure.status, failure.body))
        count = failure.count + (before.count if before else 0)
        found[failure.status, failure.body] = replace(before or failure, count=count)
    return tuple(sorted(found.values(), key=lambda failure: -failure.count)[:MOST_FAILURES])


def smooth(samples: Sequence[Sample], width: int) -> list[Sample]:
    """The means of so many neighbours each (the largest memory of them): a look's own noise goes."""
    if width <= 1:
        return list(samples)
    return [
        Sample(
            part[-1].at,
            sum(sample.cores for sample in part) / len(part),
            max(sample.memory_gb for sample in part),
            sum(sample.throttled for sample in part) / len(part),
        )
        for part in (samples[at : at + width] for at in range(0, len(samples), width))
    ]


def _why(seen: Observation) -> str:
    return seen.words or "it ended"
