"""Which Docker engine to use, and the connection to it.

It is the engine that Docker's command line would use: DOCKER_HOST, the current context, or this machine's
own. Its address is kept in the handle of each service, so a process with other settings finds the service
too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlmagic.core import advice
from mlmagic.errors import Advice, TargetUnavailable
from mlmagic.targets.docker.streams import keep_responses

if TYPE_CHECKING:
    from docker import APIClient

TARGET = "docker"
ANSWER_SECONDS = 120
"""How long to wait for an answer: an engine that is busy building answers slowly."""
CONNECTIONS = 64
FIX = Advice("Start Docker, or set DOCKER_HOST, or deploy with: {local}", local=advice.target("local"))


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine is reached."""

    host: str
    """As in DOCKER_HOST, such as unix:///var/run/docker.sock or tcp://10.0.0.5:2376."""
    context: str = ""
    """The Docker context with this address and its certificates; empty without a context."""

    @property
    def is_local(self) -> bool:
        """Whether the engine runs on this machine."""
        return self.host.startswith(("unix:", "npipe:"))

    @property
    def machine(self) -> str:
        """The host on which the ports of its containers are published."""
        return "127.0.0.1" if self.is_local else (urlsplit(self.host).hostname or "127.0.0.1")


def current(environment: Mapping[str, str] = os.environ) -> Address:
    """The address that Docker's command line uses.

    The first of DOCKER_HOST, DOCKER_CONTEXT, the current context and the default. Raises `TargetUnavailable`
    for a context that does not exist.
    """
    if environment.get("DOCKER_HOST"):
        return Address(environment["DOCKER_HOST"])
    library()
    from docker.constants import DEFAULT_UNIX_SOCKET
    from docker.context.config import get_current_context_name

    name = environment.get("DOCKER_CONTEXT") or get_current_context_name()
    if name in ("", "default"):
        return Address(DEFAULT_UNIX_SOCKET.replace("http+unix://", "unix://"))
    return Address(_context(name).Host, name)


def library() -> Any:
    """The docker SDK. Raises `TargetUnavailable` without it."""
    try:
        import docker
    except ImportError as error:
        raise TargetUnavailable(
            TARGET,
            f"the target 'docker' needs the package docker: {error}",
            fix=Advice(
                "Install it with: pip install 'mlmagic[docker]'. Or deploy with: {local}",
                local=advice.target("local"),
            ),
        ) from None
    return docker


def connect(address: Address) -> APIClient:
    """A new client, which all threads may use. Raises `TargetUnavailable` if no engine answers."""
    library()
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client = _client(address)
    except (DockerException, RequestException, OSError) as error:
        reason = _reason(error)
        raise TargetUnavailable(
            TARGET, f"no Docker engine answers at {address.host} ({reason})", fix=FIX
        ) from None
    keep_responses(client)
    return client


def _client(address: Address) -> APIClient:
    docker = library()
    _check_socket(address)
    tls: Any = None
    host = address.host
    if address.context:
        tls = _context(address.context).TLSConfig
    elif not address.is_local:
        settings = docker.utils.kwargs_from_env()
        tls, host = settings.get("tls"), settings.get("base_url", host)
    return docker.APIClient(
        base_url=host,
        tls=tls or False,
        timeout=ANSWER_SECONDS,
        max_pool_size=CONNECTIONS,
        use_ssh_client=host.startswith("ssh://"),
        version="auto",
    )


def _check_socket(address: Address) -> None:
    """Raise OSError if nothing listens: the SDK would leave its socket open."""
    if address.host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(ANSWER_SECONDS)
            probe.connect(address.host.removeprefix("unix://"))


def _context(name: str) -> Any:
    from docker.context import Context

    found = Context.load_context(name)
    if found is None or not found.Host:
        raise TargetUnavailable(
            TARGET,
            f"Docker has no context {name!r}",
            fix="List them with: docker context ls. Choose one with: docker context use NAME",
        )
    return found


def _reason(error: BaseException) -> str:
    """The message of the innermost cause, such as the system's."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        assert inner is not None
        error = inner
    words = getattr(error, "strerror", None) or str(error)
    return str(words).splitlines()[0] if words else type(error).__name__
