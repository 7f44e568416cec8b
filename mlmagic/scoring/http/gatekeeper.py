"""The checks of a request's head, for a service and for a router alike: who may call, and from where."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.http.allowed_hosts import AllowedHosts
from mlmagic.scoring.http.caller_check import CallerCheck
from mlmagic.scoring.http.cors import Cors
from mlmagic.scoring.http.path_prefix import prefix_of
from mlmagic.scoring.http.request import Request, path_of
from mlmagic.scoring.http.request_head import KnownHeads
from mlmagic.scoring.http.response import Response


class Gatekeeper:
    """Checks hosts, web pages and credentials before a request's body has arrived."""

    observe: Callable[[Request, Response], None] | None = None
    """As for `mlmagic.scoring.http.connection.Answering`."""

    def __init__(self, access: Authenticator | None = None, hosts: AllowedHosts | None = None) -> None:
        """``access`` None: no credential is needed. ``hosts`` None: any host and any web page may call."""
        self.heads = KnownHeads()
        self.prefix = prefix_of(os.environ).encode()
        self._cors = Cors.of(os.environ)
        self._access = access
        self._callers = CallerCheck(hosts, self._cors) if hosts is not None else None

    def check_caller(self, method: bytes, target: bytes, fields: Mapping[bytes, bytes]) -> None:
        """Raises `Refusal` for a host or a web page that may not call this server."""
        if self._callers is not None:
            self._callers.check(method, target, fields)

    def admits(self, target: bytes, fields: Mapping[bytes, bytes]) -> bool:
        """Whether a request with this head is authenticated."""
        return self._access is None or self._access.admits(path_of(target), fields.get(b"authorization"))
