"""One Docker engine: its containers, images and proxy containers over one connection."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.docker import connection
from mlmagic.targets.docker.connection import FIX, TARGET, Address
from mlmagic.targets.docker.container import Containers
from mlmagic.targets.docker.image import Images
from mlmagic.targets.docker.proxy import Proxies
from mlmagic.targets.docker.replicas import Replicas

if TYPE_CHECKING:
    from docker import APIClient


class Engine:
    """A connected engine. All threads of a process share one for each address: see `Engine.at`."""

    def __init__(self, address: Address, api: APIClient) -> None:
        self.address = address
        self.api = api
        self.containers = Containers(api)
        self.images = Images(api)
        self.replicas = Replicas(api, self.containers)
        self.proxies = Proxies(api, self.containers, address)

    @classmethod
    def at(cls, address: Address) -> Engine:
        """The engine at ``address``, connected once per process.

        Raises `TargetUnavailable` if none answers.
        """
        key = os.getpid(), address  # a forked process must not share the connections of its parent
        found = _engines.get(key)
        if found is None:
            connected = cls(address, connection.connect(address))
            found = _engines.setdefault(key, connected)
            if found is not connected:  # another thread was quicker
                connected.api.close()
        return found

    @classmethod
    def current(cls) -> Engine:
        """The engine that Docker's command line would use now. Raises `TargetUnavailable`."""
        return cls.at(connection.current())


_engines: dict[tuple[int, Address], Engine] = {}


@contextlib.contextmanager
def engine_errors() -> Iterator[None]:
    """Raise errors of mlmagic in place of those of the SDK.

    `LaunchFailed`, with the engine's message, if the engine refuses a call; `TargetUnavailable` if it does
    not answer.
    """
    connection.library()
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise LaunchFailed(TARGET, f"the Docker engine refused: {error.explanation or error}") from None
    except (DockerException, RequestException) as error:
        raise TargetUnavailable(TARGET, f"the Docker engine does not answer: {error}", fix=FIX) from None
