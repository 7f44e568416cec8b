"""The Docker engine that is meant: DOCKER_HOST, or the current context of Docker's command line, or this
machine's own.

Which one it was is kept with each service: a process with other settings finds the service all the same.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlmagic.errors import TargetUnavailable

if TYPE_CHECKING:
    from docker import APIClient

TARGET = "docker"
ANSWER_SECONDS = 120
"""An engine that is busy building may take its time for a small question, too."""
CONNECTIONS = 64
_FIX = "Start Docker, or set DOCKER_HOST; or deploy without it: --target local."


@dataclass(frozen=True, slots=True)
class Address:
    """Of an engine."""

    host: str
    """Such as unix:///var/run/docker.sock or tcp://10.0.0.5:2376; as DOCKER_HOST has it."""
    context: str = ""
    """The context that says so, and with which certificates; empty where there is none."""

    @property
    def is_local(self) -> bool:
        """Whether its ports are this machine's."""
        return self.host.startswith(("unix:", "npipe:"))

    @property
    def machine(self) -> str:
        """Where the ports of its containers are reached."""
        return "127.0.0.1" if self.is_local else (urlsplit(self.host).hostname or "127.0.0.1")


def current(environment: Mapping[str, str] = os.environ) -> Address:
    """As Docker's own command line decides it: DOCKER_HOST, DOCKER_CONTEXT, the chosen context, the default.

    Raises `TargetUnavailable` for a context that is not there.
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
            f"the Docker target needs the package docker: {error}",
            fix="Install it (pip install 'mlmagic[docker]'), or deploy with --target local.",
        ) from None
    return docker


def connect(address: Address) -> APIClient:
    """A client, the same for all threads. Raises `TargetUnavailable` if nobody answers there."""
    library()
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        return _client(address)
    except (DockerException, RequestException, OSError) as error:
        reason = _reason(error)
        raise TargetUnavailable(
            TARGET, f"no Docker engine answers at {address.host} ({reason})", fix=_FIX
        ) from None


@functools.lru_cache(maxsize=8)
def _client(address: Address) -> APIClient:
    docker = library()
    _knock(address)
    tls: Any = None
    host = address.host
    if address.context:
        tls = _context(address.context).TLSConfig
    elif not address.is_local:
        said = docker.utils.kwargs_from_env()
        tls, host = said.get("tls"), said.get("base_url", host)
    client = docker.APIClient(
        base_url=host,
        tls=tls or False,
        timeout=ANSWER_SECONDS,
        max_pool_size=CONNECTIONS,
        use_ssh_client=host.startswith("ssh://"),
        version="auto",
    )
    client.ping()
    return client


def _knock(address: Address) -> None:
    """Raises OSError where nobody listens: the SDK would leave its socket open."""
    if address.host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(ANSWER_SECONDS)
            knocking.connect(address.host.removeprefix("unix://"))


def _context(name: str) -> Any:
    from docker.context import Context

    found = Context.load_context(name)
    if found is None or not found.Host:
        raise TargetUnavailable(
            TARGET,
            f"Docker has no context {name!r}",
            fix="See 'docker context ls'; DOCKER_CONTEXT names one.",
        )
    return found


def _reason(error: BaseException) -> str:
    """The innermost words: what the system said."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        assert inner is not None
        error = inner
    words = getattr(error, "strerror", None) or str(error)
    return str(words).splitlines()[0] if words else type(error).__name__
