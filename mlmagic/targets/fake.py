"""A target that runs nothing, for tests of all that uses targets.

Its services are entries of a dict, so the engines of a test share one instance. Tests make it misbehave with
`available`, `refuses`, `next_observations` and `crash`; `mlmagic.targets.faulty_fakes` has fakes with faults.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import LaunchFailed, TargetUnavailable, Unschedulable
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class FakeHandle:
    """The number of a fake service."""

    key: int


@dataclass(slots=True)
class FakeService:
    """One launched service; tests change it."""

    spec: ServiceSpec
    observation: Observation
    log: list[str] = field(default_factory=list)
    stopped: bool = False
    reloads: int = 0
    is_paused: bool = False
    usage: Usage = field(default_factory=Usage)


class FakeTarget(ComputeTarget[FakeHandle]):
    """Launches are Running at once at ``url``, unless `next_observations` says otherwise."""

    name: ClassVar[str] = "fake"
    handle_type = FakeHandle
    capabilities: ClassVar[Capabilities] = Capabilities(
        measures=True,
        scales=True,
        pauses=True,
        reloads=True,
        sizes_logs=True,
        routes=True,
    )

    def __init__(self) -> None:
        self.services: dict[int, FakeService] = {}
        self.available = True
        self.refuses: str = ""
        self.next_observations: list[Observation] = []
        self.url = "http://127.0.0.1:1"
        self._keys = itertools.count(1)
        self._lock = threading.Lock()

    def check(self) -> None:
        self._before("check")
        if not self.available:
            raise TargetUnavailable(self.name, "the fake target is off", fix="Set available = True.")

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        self._before("validate")
        if config.memory_gb > 1000:
            raise Unschedulable(self.name, f"{config.memory_gb:g} GB", "it has 1000 GB")

    def launch(self, spec: ServiceSpec, report: Report) -> FakeHandle:
        self._before("launch")
        if self.refuses:
            raise LaunchFailed(self.name, self.refuses)
        running = self._find(spec)
        if running is not None:
            return running
        with self._lock:
            key = next(self._keys)
            seen = self.next_observations.pop(0) if self.next_observations else self._first_observation()
            if seen.phase is Phase.RUNNING:
                seen = replace(seen, ready=spec.config.replicas)
            self.services[key] = FakeService(spec, seen, [f"launched {spec.name} r{spec.revision}"])
        report(f"faking {spec.name}")
        return FakeHandle(key)

    def find(self, spec: ServiceSpec) -> FakeHandle | None:
        self._before("find")
        return self._find(spec)

    def _find(self, spec: ServiceSpec) -> FakeHandle | None:
        with self._lock:
            for key, service in self.services.items():
                if service.spec.run_dir == spec.run_dir and not service.observation.ended:
                    return FakeHandle(key)
        return None

    def observe(self, handle: FakeHandle) -> Observation:
        self._before("observe")
        service = self.services.get(handle.key)
        return service.observation if service else Observation(Phase.GONE, words="no such fake service")

    def stop(self, handle: FakeHandle, *, grace: float = 10.0) -> None:
        self._before("stop")
        service = self.services.get(handle.key)
        if service:
            service.stopped = True
            service.observation = Observation(Phase.GONE, words="stopped")

    def logs(self, handle: FakeHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        self._before("logs")
        service = self.services.get(handle.key)
        yield from service.log[-tail:] if service and not service.stopped and tail > 0 else []

    def reload(self, handle: FakeHandle) -> Mapping[str, Any]:
        self._before("reload")
        service = self.services.get(handle.key)
        if service is None or service.observation.ended:
            return {"refused": "no such fake service"}
        service.reloads += 1
        return {"init": False, "ms": 0.0}

    def log_size(self, handle: FakeHandle) -> int:
        self._before("log_size")
        service = self.services.get(handle.key)
        return len(service.log) if service and not service.stopped else 0

    def usage(self, handle: FakeHandle) -> Usage:
        self._before("usage")
        service = self.services.get(handle.key)
        return service.usage if service and not service.stopped else Usage()

    def limited_by(self, config: DeploymentConfig) -> str:
        self._before("limited_by")
        return "nothing"

    def scale(self, handle: FakeHandle, replicas: int) -> None:
        self._before("scale")
        service = self.services.get(handle.key)
        if service and not service.observation.ended:
            service.observation = replace(service.observation, ready=replicas)

    def pause(self, handle: FakeHandle) -> None:
        self._before("pause")
        self._hold(handle, paused=True)

    def resume(self, handle: FakeHandle) -> None:
        self._before("resume")
        self._hold(handle, paused=False)

    def _hold(self, handle: FakeHandle, *, paused: bool) -> None:
        service = self.services.get(handle.key)
        if service:
            service.is_paused = paused

    def only(self) -> FakeService:
        """The only service that is launched and not stopped."""
        (service,) = [service for service in self.services.values() if not service.stopped]
        return service

    def _before(self, method: str) -> None:
        """Called first by each method, with its name: fakes with faults override it."""

    def _first_observation(self) -> Observation:
        """What a service is when it was just launched."""
        return Observation(Phase.RUNNING, url=self.url, ready=1)

    def crash(self, error: dict[str, Any] | None = None) -> None:
        """End the one running service as a crash would."""
        self.only().observation = Observation(Phase.EXITED, words="crashed", error=error)
