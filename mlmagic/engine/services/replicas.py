"""Replicas: how many of a service run, on targets that scale."""

from __future__ import annotations

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Webservice
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.services import Services
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, UsageError, WrongState
from mlmagic.workspace import events
from mlmagic.workspace.memory import Memory

MOST_REPLICAS = 100


class Replicas:
    """Scales the services of one workspace."""

    def __init__(self, memory: Memory, targets: Targets, services: Services) -> None:
        self._memory, self._targets, self._services = memory, targets, services

    def can_scale(self, service: Webservice) -> bool:
        """Whether its target can run several replicas of it."""
        target = self._targets.of(service)
        return target is not None and target.capabilities.scales

    def set(self, name: str, replicas: int) -> Webservice:
        """Run so many replicas of a service from now on; returns when the target has the request."""
        if not 1 <= replicas <= MOST_REPLICAS:
            raise InvalidConfig("replicas", replicas, f"must be between 1 and {MOST_REPLICAS}")
        service = owned_here(self._services.get(name), "scale")
        target = self._targets.get(service.target)
        if not target.capabilities.scales:
            raise UsageError(
                f"{name!r} runs on {service.target!r}, which runs one replica of a service",
                hint="Deploy it on a target that scales.",
            )
        if service.handle is None or service.serving is None:
            raise WrongState(name, service.state, "scale")
        target.scale(target.unpack(service.handle), replicas)
        message = f"{replicas} replica{'' if replicas == 1 else 's'} requested"
        with self._memory.writing() as tx:
            events.append(tx, EventKind.SCALED, service_subject(name), message)
        return service
