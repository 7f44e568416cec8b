"""One size tried: the service is launched, held to it, loaded in turns, and watched."""

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
    Asked,
    LoaderProcess,
    further_turns,
    total_steps,
    wanted_loads,
)
from mlmagic.engine.profiles.resource_usage import LOOK_SECONDS, Watch, smooth
from mlmagic.errors import LaunchFailed, MLMagicError, ScriptError
from mlmagic.targets.base import ComputeTarget

START_SECONDS = 300.0
STARTING_STEPS = 2
"""That a size is started, and that it was."""
MOST_SAMPLES = 200
MOST_FAILURES = 20
_POLL_SECONDS = 0.005

Tell = Callable[[str], None]
"""Takes what is going on."""


class Trial:
    """A service at one size, from its launch until it is closed.

    What goes wrong with it is in the result. A KeyboardInterrupt passes through, and what was measured stays.
    """

    def __init__(
        self,
        target: ComputeTarget[Any],
        spec: ServiceSpec,
        plan: ProfilePlan,
        rows: Sequence[bytes],
        tell: Tell,
    ) -> None:
        self._target, self._spec, self._plan, self._rows, self._tell = target, spec, plan, rows, tell
        self.steps_left = STARTING_STEPS + total_steps(plan.concurrencies)
        self.watch = Watch(self._usage)
        self._handle: Any = None
        self._cold_start_s: float | None = None
        self._error = ""
        self._firsts: list[Load] = []
        self._told: list[list[Mapping[str, Any]]] = []
        """By load, what the loader told of each of its turns."""
        self._further: list[list[tuple[int, Asked]]] = []
        self._ending = ExitStack()

    @property
    def size(self) -> tuple[float, float]:
        """Cores and gigabytes."""
        return self._spec.config.cpu, self._spec.config.memory_gb

    @property
    def has_result(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._firsts or self._error)

    def result(self) -> SizeResult:
        """All that was measured until now."""
        config, samples = self._spec.config, self.watch.samples
        loads: list[Load] = []
        failures: list[Failure] = []
        for first, told in zip(self._firsts, self._told, strict=False):
            load, failed = load_of(first.kind, first.level, told, self._plan.seconds)
            loads.append(load)
            failures += failed
        return SizeResult(
            *self.size,
            self._target.limited_by(config) if self._target.capabilities.measures else "not at all",
            self._cold_start_s,
            tuple(loads),
            alike(failures),
            max((sample.cores for sample in smooth(samples, 10)), default=0.0),
            self.watch.peak_bytes / BYTES_PER_GB,
            tuple(smooth(samples, -(-len(samples) // MOST_SAMPLES))),
            self._error,
        )

    def begin(self) -> None:
        """Launch the service, and make the first turn of each load."""
        began = time.monotonic()
        self._step("starting")
        with self._errors_told():
            self._handle = self._target.launch(self._spec, self._tell)
            self._ending.callback(self._stop)
            url = wait_until_up(self._target, self._handle)
            self._cold_start_s = time.monotonic() - began
            self._loader = self._ending.enter_context(LoaderProcess(url, self._rows))
            self.watch.resume()
            if self._first_turn():
                self._further = further_turns(self._firsts, self._plan.seconds)
        self.steps_left = sum(map(len, self._further))

    def go_on(self) -> bool:
        """Make the next turn; whether there was one."""
        if not self._further:
            return False
        with self._errors_told():
            self.watch.resume()
            for index, wanted in self._further.pop(0):
                self._told[index].append(self._ask(wanted))
        return True

    def close(self) -> None:
        """End the service."""
        self._further, self.steps_left = [], 0
        self._ending.close()

    def _first_turn(self) -> bool:
        """Find the loads to be made; whether none of them failed altogether."""
        plan, seconds = self._plan, self._plan.seconds * FIRST_SHARE
        while wanted := wanted_loads(plan.concurrencies, seconds, len(self._rows), plan.goal, self._firsts):
            self._told.append([self._ask(wanted)])
            self._firsts.append(load_of(wanted.kind, wanted.level, self._told[-1], plan.seconds)[0])
            if self._firsts[-1].failed:
                return False
        return True

    def _ask(self, wanted: Asked) -> Mapping[str, Any]:
        self._step(str(wanted))
        return self._loader.run(wanted, self.watch.look, LOOK_SECONDS)

    def _step(self, words: str) -> None:
        self._tell(words)
        self.steps_left -= 1

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        """Around a turn: afterwards the service is up, or it is told why not."""
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

    def _stop(self) -> None:
        self.watch.resume()
        self._target.stop(self._handle, grace=1.0)


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


def alike(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Those of one status and body as one, the most frequent first."""
    found: dict[tuple[int, str], Failure] = {}
    for failure in failures:
        before = found.get((failure.status, failure.body))
        count = failure.count + (before.count if before else 0)
        found[failure.status, failure.body] = replace(before or failure, count=count)
    return tuple(sorted(found.values(), key=lambda failure: -failure.count)[:MOST_FAILURES])


def _why(seen: Observation) -> str:
    return seen.words or "it ended"
