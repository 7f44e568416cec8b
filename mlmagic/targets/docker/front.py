"""Fronts: containers that hold a service's port and its volume, and do nothing else.

Revisions come and go behind one. It is made with the first, named for it, and goes with the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.core.webservice import ServiceSpec
from mlmagic.errors import LaunchFailed
from mlmagic.targets.docker import observation, settings
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.docker.engine import TARGET, Address

if TYPE_CHECKING:
    from docker import APIClient

_TAKEN = ("port is already allocated", "address already in use")


class Fronts:
    """Those of one engine."""

    def __init__(self, api: APIClient, address: Address) -> None:
        self._api = api
        self._address = address
        self._containers = Containers(api)

    def have(self, spec: ServiceSpec, foundation: str) -> tuple[str, str | None]:
        """The front for a revision: that of the one before, if it has the port that is wanted; with the run
        folder of the one that serves behind it. Raises `LaunchFailed` for a port that is in use.
        """
        if spec.predecessor is not None:
            front = self._of_revision(settings.key_of(spec.predecessor))
            if front is not None and self._suits(front, spec):
                return front, spec.predecessor
        own = settings.front_name(spec)
        front = self._of_revision(settings.key_of(spec.run_dir)) or own
        if self._suits(front, spec):
            return front, None
        self._make(spec, foundation)
        if front != own and observation.port_of(self._containers.look(front)) is None:
            self.forget(front)  # it has died: behind it nobody can be reached any more
        return own, None

    def name_behind(self, seen: Inspected | None) -> str | None:
        """Of the front that a container stands behind; None if it is gone."""
        mode = str(seen["HostConfig"]["NetworkMode"]) if seen is not None else ""
        if not mode.startswith("container:"):
            return None
        front = self._containers.look(mode.removeprefix("container:"))
        return str(front["Name"]).lstrip("/") if front is not None else None

    def stands_alone(self, front: str) -> bool:
        """Whether no container, running or not, stands behind it (any more)."""
        seen = self._containers.look(front)
        if seen is None:
            return True
        mode = f"container:{seen['Id']}"
        service = seen["Config"]["Labels"]["mlmagic.service"]
        everything = self._containers.labelled(service=service)
        return all(each["HostConfig"]["NetworkMode"] != mode for each in everything)

    def forget(self, front: str) -> None:
        """Remove it, and its volume; silent for what is gone."""
        from docker.errors import APIError

        self._containers.remove(front)
        try:
            self._api.remove_volume(front)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise

    def _of_revision(self, key: str) -> str | None:
        for found in self._containers.labelled(key=key):
            if "mlmagic.front" not in found["Labels"]:
                return self.name_behind(self._containers.look(found["Id"]))
        return None

    def _suits(self, front: str, spec: ServiceSpec) -> bool:
        port = observation.port_of(self._containers.look(front))
        return port is not None and spec.config.port in (None, port)

    def _make(self, spec: ServiceSpec, foundation: str) -> None:
        """A new one, with the port that is wanted, or the one from before if that is free."""
        wanted = spec.config.port
        for port in [wanted] if wanted is not None else list(dict.fromkeys((spec.preferred_port, None))):
            if self._started(spec, foundation, port):
                return
        raise LaunchFailed(
            TARGET, f"port {wanted} is in use", hint=f"Stop what listens on {wanted}, or choose another port."
        )

    def _started(self, spec: ServiceSpec, foundation: str, port: int | None) -> bool:
        """Whether one was started; not if the port is taken."""
        from docker.errors import APIError

        name = settings.front_name(spec)
        self._containers.remove(name)
        self._api.create_volume(name, labels=settings.labels_of(spec))
        here = self._address.machine if self._address.is_local else "0.0.0.0"
        host = self._api.create_host_config(**settings.front_host_settings(name, (here, port)))
        self._api.create_container(**settings.front_container(spec, foundation), host_config=host)
        try:
            self._api.start(name)
        except APIError as error:
            self.forget(name)
            if port is not None and any(words in str(error.explanation) for words in _TAKEN):
                return False
            raise
        return True
