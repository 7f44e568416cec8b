"""What a namespace has of mlmagic's: listed or watched once for all services that are observed there."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import Address
from mlmagic.targets.kubernetes.objects import NAME
from mlmagic.targets.kubernetes.releases import is_ours
from mlmagic.targets.kubernetes.watches import Watch

FRESH_SECONDS = 0.5
"""So old a list may be; what this process changes is listed again at once."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects of one namespace at one moment."""

    deployments: Mapping[str, Object]
    services: Mapping[str, Object]
    pods: Mapping[str, Sequence[Object]]
    """By the name of their service."""
    others: Mapping[str, Mapping[str, Object]]
    """Of each kind that only some services have, the objects by name; without kinds that cannot be read."""

    @classmethod
    def of(
        cls,
        deployments: Sequence[Object],
        services: Sequence[Object],
        pods: Sequence[Object],
        others: Mapping[str, Sequence[Object]],
    ) -> Snapshot:
        grouped: defaultdict[str, list[Object]] = defaultdict(list)
        for pod in pods:
            grouped[str(pod["metadata"]["labels"].get(NAME, ""))].append(pod)
        more = {kind: _by_name(found) for kind, found in others.items()}
        return cls(_by_name(deployments), _by_name(services), grouped, more)

    def deployment(self, name: str, owner: Mapping[str, str]) -> Object | None:
        """The Deployment of a service; None if there is none, or if it is not ours."""
        return _ours(self.deployments.get(name), owner)

    def service(self, name: str, owner: Mapping[str, str]) -> Object | None:
        return _ours(self.services.get(name), owner)

    def services_of(self, owner: Mapping[str, str]) -> dict[str, Object]:
        """All Services with these labels, by name."""
        return {name: each for name, each in self.services.items() if is_ours(each, owner)}

    def other(self, kind: str, name: str, owner: Mapping[str, str]) -> Object | None:
        """The object of a service of a kind that only some have, such as an HTTPRoute."""
        return _ours(self.others.get(kind, {}).get(name), owner)

    def pods_of(self, name: str, owner: Mapping[str, str]) -> list[Object]:
        return [pod for pod in self.pods.get(name, ()) if is_ours(pod, owner)]


KINDS = ("Deployment", "Service", "Pod")


@dataclass(slots=True)
class _Entry:
    """What is known of one namespace."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    watches: dict[str, Watch] = field(default_factory=dict)
    """By kind; without those of `more` that cannot be read."""
    snapshot: Snapshot | None = None
    seen: tuple[int, ...] = ()
    """The changes of the watches that the snapshot has."""
    listed: float = float("-inf")
    changes: int = 0
    """How often this process has changed something there."""
    more: set[str] = field(default_factory=set)
    """The kinds besides `KINDS` that services there have."""


class Snapshots:
    """The newest snapshot of each namespace, for all threads.

    Who asks once gets a list. Who asks again later is supposed to go on: then the namespace is watched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: defaultdict[tuple[int, Address, str], _Entry] = defaultdict(_Entry)

    def of(self, api: Api, namespace: str, more: Iterable[str] = ()) -> Snapshot:
        """A snapshot that is fresh; threads that want one at the same time share it.

        ``more`` are kinds besides `KINDS`, which it has from then on.
        """
        entry = self._entry(api, namespace)
        with entry.lock:
            if not entry.more.issuperset(more):
                entry.more.update(more)
                entry.listed = float("-inf")
            is_due = self._clock() - entry.listed > FRESH_SECONDS
            was_changed = entry.listed == float("-inf")
            if was_changed or (is_due and not _is_watched(entry)):
                is_first = entry.snapshot is None
                self._list(entry, api, namespace)
                if not (is_first or was_changed):
                    for watch in entry.watches.values():
                        watch.follow()
            return _snapshot_of(entry)

    def forget(self, api: Api, namespace: str) -> None:
        """Something was changed there: list it again, as a watch may tell of it a moment later."""
        entry = self._entry(api, namespace)
        entry.changes += 1
        entry.listed = float("-inf")

    def _entry(self, api: Api, namespace: str) -> _Entry:
        return self._entries[os.getpid(), api.address, namespace]  # a forked process has no threads of ours

    def _list(self, entry: _Entry, api: Api, namespace: str) -> None:
        start, changes = self._clock(), entry.changes
        for kind in (*KINDS, *sorted(entry.more)):
            watch = entry.watches.setdefault(kind, Watch(api, kind, namespace, self._clock))
            try:
                watch.refresh()
            except Refused:
                if kind in KINDS:
                    raise
                del entry.watches[kind]  # this user may not read them, or the cluster does not know the kind
        entry.listed = start if entry.changes == changes else float("-inf")


def _is_watched(entry: _Entry) -> bool:
    return all(watch.is_current for watch in entry.watches.values())


def _snapshot_of(entry: _Entry) -> Snapshot:
    """The snapshot of what the watches know, which is built anew if they know something new."""
    seen = tuple(watch.changes for watch in entry.watches.values())
    objects = {kind: watch.objects() for kind, watch in entry.watches.items()}  # all are asked, each time
    if entry.snapshot is None or seen != entry.seen:
        deployments, services, pods = (objects[kind] for kind in KINDS)
        others = {kind: found for kind, found in objects.items() if kind not in KINDS}
        entry.snapshot = Snapshot.of(deployments, services, pods, others)
        entry.seen = seen
    return entry.snapshot


def _by_name(found: Sequence[Object]) -> dict[str, Object]:
    return {str(each["metadata"]["name"]): each for each in found}


def _ours(found: Object | None, owner: Mapping[str, str]) -> Object | None:
    return found if found is not None and is_ours(found, owner) else None
