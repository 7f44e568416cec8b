"""Fake compute targets with the faults of real ones: slow, held up, unavailable at times, unsure, forgetful.

Each does what `FakeTarget` does, and its fault besides, so a test of the engine can run over all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import TargetUnavailable
from mlmagic.targets.base import Report
from mlmagic.targets.fake import FakeHandle, FakeTarget


class SlowTarget(FakeTarget):
    """Every method takes `seconds`; a launched service is STARTING for `startup_seconds`, then RUNNING."""

    def __init__(self, seconds: float = 0.02, startup_seconds: float = 0.1) -> None:
        super().__init__()
        self.seconds = seconds
        self.startup_seconds = startup_seconds
        self._started: dict[int, float] = {}

    def _before(self, method: str) -> None:
        time.sleep(self.seconds)

    def _first_observation(self) -> Observation:
        return Observation(Phase.STARTING, words="starting slowly")

    def launch(self, spec: ServiceSpec, report: Report) -> FakeHandle:
        handle = super().launch(spec, report)
        self._started.setdefault(handle.key, time.monotonic())
        return handle

    def observe(self, handle: FakeHandle) -> Observation:
        seen = super().observe(handle)
        if seen == self._first_observation() and self._has_started(handle.key):
            service = self.services[handle.key]
            seen = replace(super()._first_observation(), ready=service.spec.config.replicas)
            service.observation = seen
        return seen

    def _has_started(self, key: int) -> bool:
        return time.monotonic() - self._started.get(key, 0.0) > self.startup_seconds


class HeldTarget(FakeTarget):
    """Launches a service at once, and returns its handle only after `release`."""

    def __init__(self) -> None:
        super().__init__()
        self._released = threading.Event()

    def hold(self) -> None:
        """Hold the launches to come."""
        self._released.clear()

    def release(self) -> None:
        """Let all launches return, also later ones."""
        self._released.set()

    def launch(self, spec: ServiceSpec, report: Report) -> FakeHandle:
        handle = super().launch(spec, report)
        self._released.wait()
        return handle


class AwayTarget(FakeTarget):
    """Raises `TargetUnavailable` from any method for a while, as a restarting Docker engine does.

    By itself it refuses the next `calls` calls after each launch, and when a service is stopped for the first
    time. `leave` makes it refuse calls at once.
    """

    def __init__(self, calls: int = 3) -> None:
        super().__init__()
        self.calls = calls
        self._refusing = 0
        self._only: frozenset[str] = frozenset()
        self._stopping: set[int] = set()

    def leave(self, calls: int, only: Iterable[str] = ()) -> None:
        """Refuse the next ``calls`` calls; with ``only``, of the methods with these names."""
        with self._lock:
            self._refusing, self._only = calls, frozenset(only)

    @property
    def is_away(self) -> bool:
        """Whether it still refuses calls."""
        return self._refusing > 0

    def _before(self, method: str) -> None:
        with self._lock:
            if not self._refusing or (self._only and method not in self._only):
                return
            self._refusing -= 1
        raise TargetUnavailable(self.name, "the fake target is away", fix="Try again later.")

    def launch(self, spec: ServiceSpec, report: Report) -> FakeHandle:
        handle = super().launch(spec, report)
        self._leave_by_itself()
        return handle

    def stop(self, handle: FakeHandle, *, grace: float = 10.0) -> None:
        with self._lock:
            is_first = handle.key not in self._stopping
            self._stopping.add(handle.key)
        if is_first:
            self._leave_by_itself()
        super().stop(handle, grace=grace)

    def _leave_by_itself(self) -> None:
        if self.calls:
            self.leave(self.calls)


class FlappingTarget(FakeTarget):
    """Every second observation of a service is UNKNOWN, as over a network that loses packets."""

    def __init__(self) -> None:
        super().__init__()
        self._observed: dict[int, int] = {}

    def observe(self, handle: FakeHandle) -> Observation:
        with self._lock:
            count = self._observed[handle.key] = self._observed.get(handle.key, 0) + 1
        seen = super().observe(handle)
        return (
            seen if count % 2 or seen.ended else Observation(Phase.UNKNOWN, words="the fake target is unsure")
        )


class ForgetfulTarget(FakeTarget):
    """Forgets its first service when it is observed the `after`-th time, as after the loss of a disk."""

    def __init__(self, after: int = 2) -> None:
        super().__init__()
        self.after = after
        self._observed = 0

    @property
    def has_forgotten(self) -> bool:
        """Whether the one service it forgets is forgotten already."""
        return self._observed >= self.after

    def observe(self, handle: FakeHandle) -> Observation:
        if handle.key == 1 and not self.has_forgotten:
            self._observed += 1
            if self.has_forgotten:
                self.services[1].stopped = True
                self.services[1].observation = Observation(Phase.GONE, words="forgotten")
        return super().observe(handle)
