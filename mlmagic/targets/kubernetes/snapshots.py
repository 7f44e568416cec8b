"""What a namespace has of mlmagic's: listed once for all services that are observed at the same time."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import Address
from mlmagic.targets.kubernetes.gateway_routes import HTTP_ROUTE
from mlmagic.targets.kubernetes.objects import MANAGED_BY, NAME
from mlmagic.targets.kubernetes.releases import is_ours

FRESH_SECONDS = 0.5
"""So old a snapshot may be; what this process changes is listed again at once."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects of one namespace at one moment."""

    deployments: Mapping[str, Object]
    services: Mapping[str, Object]
    pods: Mapping[str, Sequence[Object]]
    """By the name of their service."""
    routes: Mapping[str, Object] | None
    """The HTTPRoutes; None where no service has one, or where they cannot be read."""

    @classmethod
    def of(
        cls,
        deployments: Sequence[Object],
        services: Sequence[Object],
        pods: Sequence[Object],
        routes: Sequence[Object] | None = None,
    ) -> Snapshot:
        grouped: defaultdict[str, list[Object]] = defaultdict(list)
        for pod in pods:
            grouped[str(pod["metadata"]["labels"].get(NAME, ""))].append(pod)
        routes_by_name = None if routes is None else _by_name(routes)
        return cls(_by_name(deployments), _by_name(services), grouped, routes_by_name)

    def deployment(self, name: str, owner: Mapping[str, str]) -> Object | None:
        """The Deployment of a service; None if there is none, or if it is not ours."""
        return _ours(self.deployments.get(name), owner)

    def service(self, name: str, owner: Mapping[str, str]) -> Object | None:
        return _ours(self.services.get(name), owner)

    def services_of(self, owner: Mapping[str, str]) -> dict[str, Object]:
        """All Services with these labels, by name."""
        return {name: each for name, each in self.services.items() if is_ours(each, owner)}

    def route(self, name: str, owner: Mapping[str, str]) -> Object | None:
        """The HTTPRoute of a service."""
        return _ours((self.routes or {}).get(name), owner)

    def pods_of(self, name: str, owner: Mapping[str, str]) -> list[Object]:
        return [pod for pod in self.pods.get(name, ()) if is_ours(pod, owner)]


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Snapshot | None = None
    taken: float = 0.0
    changes: int = 0
    """How often this process has changed something there."""
    has_routes: bool = False
    """Whether HTTPRoutes are listed too, as a service there has one."""


class Snapshots:
    """The newest snapshot of each namespace, for all threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: defaultdict[tuple[Address, str], _Entry] = defaultdict(_Entry)

    def of(self, api: Api, namespace: str, *, with_routes: bool = False) -> Snapshot:
        """A snapshot that is fresh; threads that want one at the same time share it."""
        entry = self._entries[api.address, namespace]
        with entry.lock:
            if with_routes and not entry.has_routes:
                entry.has_routes, entry.taken = True, float("-inf")
            if entry.snapshot is None or self._clock() - entry.taken > FRESH_SECONDS:
                start, changes = self._clock(), entry.changes
                labels = {MANAGED_BY: "mlmagic"}
                found = [api.list(kind, namespace, labels) for kind in ("Deployment", "Service", "Pod")]
                if entry.has_routes:
                    with suppress(Refused):  # this user may not read them, or the cluster has none any more
                        found.append(api.list(HTTP_ROUTE, namespace, labels))
                entry.snapshot, entry.taken = Snapshot.of(*found), start
                if entry.changes != changes:
                    entry.taken = float("-inf")
            return entry.snapshot

    def forget(self, api: Api, namespace: str) -> None:
        """Something was changed there: list it again."""
        entry = self._entries[api.address, namespace]
        entry.changes += 1
        entry.taken = float("-inf")


def _by_name(found: Sequence[Object]) -> dict[str, Object]:
    return {str(each["metadata"]["name"]): each for each in found}


def _ours(found: Object | None, owner: Mapping[str, str]) -> Object | None:
    return found if found is not None and is_ours(found, owner) else None
