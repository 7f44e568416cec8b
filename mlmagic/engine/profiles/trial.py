"""The trial of one size: launch the service with limits, load it in rounds, and watch its resources."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from mlmagic.core.configuration import BYTES_PER_GB
from mlmagic.core.profile import Failure, Load, ProfilePlan, SizeResult
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.engine.http import probe
from mlmagic.engine.profiles.blocks import load_of
from mlmagic.engine.profiles.loads import (
    FIRST_SHARE,
    LoaderProcess,
    PlannedLoad,
    further_rounds,
    still_needed,
    total_steps,
    wanted_loads,
)
from mlmagic.engine.profiles.resource_usage import LOOK_SECONDS, Watch, smooth
from mlmagic.engine.services.temporary_work import WorkItem
from mlmagic.engine.staging import trial_key
from mlmagic.errors import LaunchFailed, MLMagicError, ScriptError
from mlmagic.targets.base import ComputeTarget

START_SECONDS = 300.0
STARTING_STEPS = 2
"""The steps of a launch: starting and started."""
MOST_SAMPLES = 200
MOST_FAILURES = 20
_POLL_SECONDS = 0.005

Report = Callable[[str], None]
"""Receives a message on the progress."""


class Trial:
    """A service at one size, from its launch until it is closed.

    Errors of the service are in the result. A KeyboardInterrupt passes through, and the results are kept.
    """

    def __init__(
        self,
        work: WorkItem,
        target: ComputeTarget[Any],
        spec: ServiceSpec,
        plan: ProfilePlan,
        rows: Sequence[bytes],
        report: Report,
    ) -> None:
        self._work = work
        self._target, self._spec, self._plan, self._rows, self._report = target, spec, plan, rows, report
        self.steps_left = STARTING_STEPS + total_steps(plan.concurrencies)
        self.watch = Watch(self._usage)
        self._handle: Any = None
        self._cold_start_s: float | None = None
        self._error = ""
        self._firsts: list[Load] = []
        self._rounds: list[list[Mapping[str, Any]]] = []
        """For each load, the load generator's results of each round."""
        self._further: list[list[tuple[int, PlannedLoad]]] = []
        self._ending = ExitStack()

    @property
    def size(self) -> tuple[float, float]:
        """Cores and gigabytes."""
        return self._spec.config.cpu, self._spec.config.memory_gb

    @property
    def has_result(self) -> bool:
        """Whether there are results or an error."""
        return bool(self._firsts or self._error)

    def result(self) -> SizeResult:
        """The results so far."""
        config, samples = self._spec.config, self.watch.samples
        loads = self._loads()
        return SizeResult(
            *self.size,
            self._target.limited_by(config) if self._target.capabilities.measures else "not at all",
            self._cold_start_s,
            tuple(load for load, _ in loads),
            alike(failure for _, failures in loads for failure in failures),
            max((sample.cores for sample in smooth(samples, 10)), default=0.0),
            self.watch.peak_bytes / BYTES_PER_GB,
            tuple(smooth(samples, -(-len(samples) // MOST_SAMPLES))),
            self._error,
        )

    def begin(self) -> None:
        """Launch the service, and run the first round of each load."""
        began = time.monotonic()
        self._step("starting")
        with self._errors_recorded():
            running = self._work.running(self._target, self._spec, self._report)
            self._handle = self._ending.enter_context(running)
            self._ending.callback(self.watch.resume)
            url = wait_until_up(self._target, self._handle)
            self._cold_start_s = time.monotonic() - began
            self._loader = self._ending.enter_context(LoaderProcess(url, self._rows, trial_key(self._spec)))
            self.watch.resume()
            if self._first_round():
                self._further = further_rounds(self._firsts, self._plan.longest_seconds)
        self.steps_left = sum(map(len, self._further))

    def go_on(self) -> bool:
        """Run the next round; False if there is none left."""
        if self._plan.seconds is None:
            self._further = still_needed(self._further, [load for load, _ in self._loads()])
            self.steps_left = sum(map(len, self._further))
        if not self._further:
            return False
        with self._errors_recorded():
            self.watch.resume()
            for index, wanted in self._further.pop(0):
                self._rounds[index].append(self._run(wanted))
        return True

    def _loads(self) -> list[tuple[Load, list[Failure]]]:
        """The results of each load so far, with its failures."""
        return [
            load_of(first.kind, first.level, rounds, self._plan.longest_seconds)
            for first, rounds in zip(self._firsts, self._rounds, strict=False)
        ]

    def close(self) -> None:
        """Stop the service."""
        self._further, self.steps_left = [], 0
        self._ending.close()

    def _first_round(self) -> bool:
        """Run the first round of each load; False if a load failed completely."""
        plan, seconds = self._plan, self._plan.longest_seconds * FIRST_SHARE
        while wanted := wanted_loads(plan.concurrencies, seconds, len(self._rows), plan.goal, self._firsts):
            self._rounds.append([self._run(wanted)])
            self._firsts.append(load_of(wanted.kind, wanted.level, self._rounds[-1], plan.longest_seconds)[0])
            if self._firsts[-1].failed:
                return False
        return True

    def _run(self, wanted: PlannedLoad) -> Mapping[str, Any]:
        self._step(str(wanted))
        return self._loader.run(wanted, self.watch.look, LOOK_SECONDS)

    def _step(self, words: str) -> None:
        self._report(words)
        self.steps_left -= 1

    @contextmanager
    def _errors_recorded(self) -> Iterator[None]:
        """Record an error of the service during a round, and stop it then."""
        try:
            yield
            seen = self._target.observe(self._handle)
            self._error = _why(seen) if seen.ended else ""
        except MLMagicError as error:
            self._error = str(error)
        if self._error:
            self.close()

    def _usage(self) -> Usage:
        return self._target.usage(self._handle) if self._target.capabilities.measures else Usage()


def wait_until_up(target: ComputeTarget[Any], handle: Any) -> str:
    """Wait until a service answers; returns its URL. Raises `ScriptError` or `LaunchFailed`."""
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


def alike(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Merge failures of one status and body, the most frequent first."""
    found: dict[tuple[int, str], Failure] = {}
    for failure in failures:
        before = found.get((failure.status, failure.body))
        count = failure.count + (before.count if before else 0)
        found[failure.status, failure.body] = replace(before or failure, count=count)
    return tuple(sorted(found.values(), key=lambda failure: -failure.count)[:MOST_FAILURES])


def _why(seen: Observation) -> str:
    return seen.words or "it ended"
