"""Replicas: how many of a service run, on targets that scale."""

from __future__ import annotations

import time

from mlmagic.core.arguments import MOST_REPLICAS, REPLICAS
from mlmagic.core.notify import Notify, silent
from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.engine.events.bus import Bus
from mlmagic.engine.services.failures import still_waiting
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.revisions import renew
from mlmagic.engine.services.services import Services, Watch, ignore
from mlmagic.engine.services.supervision import Supervision
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory


class Replicas:
    """Scales the services of one workspace."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        bus: Bus,
        services: Services,
        keys: Keys,
        supervision: Supervision,
    ) -> None:
        self._memory, self._targets, self._bus = memory, targets, bus
        self._services, self._keys, self._supervision = services, keys, supervision

    def can_scale(self, service: Webservice) -> bool:
        """Whether its target can run several replicas of it."""
        target = self._targets.of(service)
        if service.endpoint is not None:
            return False
        return target is not None and target.capabilities.scales

    def set(self, name: str, replicas: int) -> Webservice:
        """Record how many replicas of a service are wanted; a supervisor starts and stops them.

        Where the target cannot add replicas to what runs, that is an update to the same revision with more
        replicas: the service is Transitioning, and callers get answers all the while. A service that is
        stopped has so many when it is started.
        """
        if isinstance(replicas, bool) or not isinstance(replicas, int) or not REPLICAS.holds(replicas):
            raise InvalidConfig("replicas", replicas, f"must be a whole number from 1 to {MOST_REPLICAS}")
        with self._memory.reading() as tx:
            service = owned_here(services.get(tx, name), "scale")
        if service.endpoint is not None:
            raise UsageError(
                f"{name!r} is an endpoint, and its versions have replicas",
                hint=f"Scale the service of a version: "
                f"{', '.join(each.service for each in service.endpoint.versions)}.",
            )
        target = self._targets.get(service.target)
        if not target.capabilities.scales:
            raise UsageError(
                f"{name!r} runs on {service.target!r}, which runs one replica of a service",
                hint="Deploy it on a target that scales.",
            )
        if service.replicas == replicas and service.desired is Desired.RUNNING:
            return service
        in_place = _ended(service) or (
            service.serving == service.revision
            and service.handle is not None
            and target.scales_in_place(target.unpack(service.handle))
        )
        with self._memory.writing() as tx:
            now = services.get(tx, name)
            in_place = in_place and (now.revision, now.handle) == (service.revision, service.handle)
            if in_place:
                scaled = services.scale(tx, now, replicas)
            else:
                scaled = renew(tx, name, "scale", replicas=replicas)
        if not in_place:
            self._keys.deliver(scaled)
        self._supervision.ensure()
        return scaled

    def wait(
        self, service: Webservice, timeout: float, *, watching: Watch = ignore, notify: Notify = silent
    ) -> Webservice:
        """Wait until so many replicas answer as are wanted; returns the service. ``timeout`` is in seconds.

        At once for a service that is stopped or has failed. Raises what `Services.wait` raises.
        """
        if _ended(service):
            return service
        started = time.monotonic()
        service = self._services.wait(service, timeout, watching=watching, notify=notify)
        left = max(0.0, timeout - (time.monotonic() - started))
        if not self._bus.wait_until(lambda: self._is_reached(service.name), left):
            raise still_waiting(service, timeout)
        return self._services.get(service.name)

    def _is_reached(self, name: str) -> bool:
        """Whether as many replicas answer as are wanted, or none is to."""
        service = self._services.get(name)
        ready = service.stats.get("replicas")
        if service.desired is not Desired.RUNNING or ready in (0, service.replicas):
            return True
        return self._is_most(service)

    def _is_most(self, service: Webservice) -> bool:
        """Whether the number that is wanted is the most that run, and the load decides how many do."""
        target = self._targets.of(service)
        idles = self._services.revision(service).config.idle_timeout_seconds is not None
        return idles and target is not None and target.capabilities.autoscales


def _ended(service: Webservice) -> bool:
    return service.desired is Desired.STOPPED or service.state is State.FAILED
