"""Proxy containers: each holds the port, the network and the volume of one service, and runs nothing else.

The containers of the service's revisions join its network, so the port outlives each of them. A proxy
container is created with the first revision, named after it, and removed with the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.core.webservice import ServiceSpec
from mlmagic.errors import PortTaken
from mlmagic.targets.docker import observation, routes, settings
from mlmagic.targets.docker.connection import TARGET, Address
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.revision_labels import key_of, labels_of

if TYPE_CHECKING:
    from docker import APIClient

_PORT_IN_USE = ("port is already allocated", "address already in use")


class Proxies:
    """The proxy containers of one engine."""

    def __init__(self, api: APIClient, containers: Containers, address: Address) -> None:
        self._api = api
        self._containers = containers
        self._address = address

    def ensure(self, spec: ServiceSpec, foundation: str) -> tuple[str, str | None]:
        """The proxy container for a revision, and the run folder of the revision whose port it takes over.

        It is the proxy container of the revision before, if that has the wanted port; otherwise a new one,
        and no run folder. Raises `LaunchFailed` if the port is in use.
        """
        if spec.predecessor is not None:
            proxy = self._of_revision(key_of(spec.predecessor))
            if proxy is not None and self._has_wanted_port(proxy, spec):
                return proxy, spec.predecessor
        own = settings.proxy_name(spec)
        proxy = self._of_revision(key_of(spec.run_dir)) or own
        if self._has_wanted_port(proxy, spec):
            return proxy, None
        self._create(spec, foundation)
        if proxy != own and observation.port_of(self._containers.inspect(proxy)) is None:
            self.remove(proxy)  # it has ended, so its revisions cannot be reached any more
        return own, None

    def of_container(self, seen: Inspected | None) -> str | None:
        """The name of the proxy container whose network a container has joined; None if it is gone."""
        mode = str(seen["HostConfig"]["NetworkMode"]) if seen is not None else ""
        if not mode.startswith("container:"):
            return None
        proxy = self._containers.inspect(mode.removeprefix("container:"))
        return str(proxy["Name"]).lstrip("/") if proxy is not None else None

    def is_unused(self, proxy: str) -> bool:
        """Whether no container, running or not, uses its network."""
        seen = self._containers.inspect(proxy)
        if seen is None:
            return True
        mode = f"container:{seen['Id']}"
        service = seen["Config"]["Labels"]["mlmagic.service"]
        everything = self._containers.labelled(service=service)
        return all(each["HostConfig"]["NetworkMode"] != mode for each in everything)

    def remove(self, proxy: str) -> None:
        """Remove the proxy container and its volume; does nothing if they are gone."""
        from docker.errors import APIError

        self._containers.remove(proxy)
        try:
            self._api.remove_volume(proxy)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise

    def addresses(self) -> dict[int, str]:
        """The address between containers of each proxy container that runs, by published port."""
        return routes.addresses_of(self._api.containers(filters={"label": [settings.PROXY_LABEL]}))

    def _of_revision(self, key: str) -> str | None:
        for found in self._containers.labelled(key=key):
            if settings.PROXY_LABEL not in found["Labels"]:
                return self.of_container(self._containers.inspect(found["Id"]))
        return None

    def _has_wanted_port(self, proxy: str, spec: ServiceSpec) -> bool:
        port = observation.port_of(self._containers.inspect(proxy))
        return port is not None and spec.config.port in (None, port)

    def _create(self, spec: ServiceSpec, foundation: str) -> None:
        """Start one with the wanted port, or else with the service's former port if that is free."""
        wanted = spec.config.port
        for port in [wanted] if wanted is not None else list(dict.fromkeys((spec.preferred_port, None))):
            if self._start(spec, foundation, port):
                return
        assert wanted is not None
        raise PortTaken(
            TARGET,
            wanted,
            " on the Docker host",
            hint="Stop the program that listens there, or choose another port.",
        )

    def _start(self, spec: ServiceSpec, foundation: str, port: int | None) -> bool:
        """Start a proxy container; returns False if the port is in use."""
        from docker.errors import APIError

        name = settings.proxy_name(spec)
        self._containers.remove(name)
        self._api.create_volume(name, labels=labels_of(spec))
        here = self._address.machine if self._address.is_local else "0.0.0.0"
        host = self._api.create_host_config(**settings.proxy_host_settings(name, (here, port)))
        self._api.create_container(**settings.proxy_container(spec, foundation), host_config=host)
        try:
            self._api.start(name)
        except APIError as error:
            self.remove(name)
            if port is not None and any(words in str(error.explanation) for words in _PORT_IN_USE):
                return False
            raise
        return True
