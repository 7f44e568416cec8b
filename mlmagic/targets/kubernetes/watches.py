"""The objects of one kind in one namespace, kept current: listed once, and from then on the API server tells.

A watch ends by itself after a short while and is begun again where it ended, so that a connection that has
silently died is noticed. Nobody who asks for objects gets them older than that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.objects import MANAGED_BY

WATCH_SECONDS = 10
"""So long one watch lasts."""
IDLE_SECONDS = 30.0
"""Nobody has asked for so long: the watch ends."""
WATCHING = "mlmagic-watch"
"""The name of the threads that watch."""
LABELS = {MANAGED_BY: "mlmagic"}


class Expired(Exception):
    """The API server has forgotten the version to go on from."""


class Watch:
    """The objects of one kind in one namespace that mlmagic manages."""

    def __init__(
        self, api: Api, kind: str, namespace: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._kind, self._namespace, self._clock = api, kind, namespace, clock
        self._objects: dict[str, Object] = {}
        self._version = ""
        """The version of the newest change that is known."""
        self._listed = 0
        """The version of the last list: what a watch tells of earlier ones is old."""
        self._lock = threading.Lock()
        self._is_followed = False
        self._is_refused = False
        self._asked = clock()
        self.changes = 0
        """Grows with each change of the objects."""

    @property
    def is_current(self) -> bool:
        """Whether the API server tells of each change; otherwise `refresh` asks."""
        return self._is_followed

    def refresh(self) -> None:
        """Ask for all objects. Raises `Refused` and `TargetUnavailable`."""
        found, version = self._api.listing(self._kind, self._namespace, LABELS)
        with self._lock:
            if self._is_followed and _number(version) < _number(self._version):
                return  # the watch knows something newer, and does not tell it again
            self._objects = {_name(each): each for each in found}
            self._version, self._listed = version, _number(version)
            self.changes += 1

    def follow(self) -> None:
        """Have the API server tell of each change from now on; to be called after `refresh`."""
        with self._lock:
            if self._is_followed or self._is_refused:
                return
            self._is_followed = True
        threading.Thread(target=self._follow, name=WATCHING, daemon=True).start()

    def objects(self) -> list[Object]:
        """The objects now."""
        self._asked = self._clock()
        with self._lock:
            return [*self._objects.values()]

    def take(self, event: Object) -> None:
        """Change the objects as an event of a watch says. Raises `Expired`."""
        found = event["object"]
        if event["type"] == "ERROR":
            raise Expired(str(found.get("message")))
        version = str(found["metadata"]["resourceVersion"])
        with self._lock:
            if _number(version) <= max(self._listed, _number(self._version)):
                return  # a list, or the watch before, has told it already
            self._version = version
            if event["type"] == "BOOKMARK":
                return
            self.changes += 1
            if event["type"] == "DELETED":
                self._objects.pop(_name(found), None)
            else:
                self._objects[_name(found)] = found

    def _follow(self) -> None:
        try:
            while self._clock() - self._asked < IDLE_SECONDS:
                events = self._api.watch(self._kind, self._namespace, LABELS, self._version, WATCH_SECONDS)
                for event in events:
                    self.take(event)
        except Refused as error:
            # 410: too old a version. Otherwise this user may list, and not watch.
            self._is_refused = error.status in (403, 405)
        except (Expired, LaunchFailed, TargetUnavailable):
            pass  # the next list tells why, if there still is a reason
        finally:
            with self._lock:
                self._is_followed = False


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _number(version: str) -> int:
    """A version as a number, by which the API server counts changes."""
    return int(version) if version.isdecimal() else 0
