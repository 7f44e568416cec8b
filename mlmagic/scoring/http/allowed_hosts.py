"""Allowed hosts: the names under which a server that listens on this machine only may be called.

Any web page can send requests to 127.0.0.1, and with a name of its own that resolves to 127.0.0.1 (DNS
rebinding) it can read the answers. A browser names the host that it was given in the Host header: so a server
on a loopback address accepts local names, and those of the option ``--allowed-hosts``. A server on another
address, behind a router say, accepts every host unless hosts are given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from mlmagic.scoring.settings import InvalidSetting

VARIABLE = "MLMAGIC_ALLOWED_HOSTS"
ANY = "*"
LOCAL = "localhost"
"""Given as an allowed host, it allows the local names only, wherever the server listens."""
HUB = "JUPYTERHUB_SERVICE_PREFIX"
"""Set where JupyterHub or Binder started this machine's notebook server."""

_MEMORY = 256
_is_name = re.compile(r"(\*?\.)?[a-z0-9_~-]+(\.[a-z0-9_~-]+)*|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?").fullmatch
_is_local = re.compile(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1").fullmatch


class AllowedHosts:
    """The local names and the ``given`` ones; ``.example.com`` or ``*.example.com`` is any name below it."""

    def __init__(self, given: Iterable[str] = (), bound: str = "127.0.0.1") -> None:
        names = [name.removeprefix("*").strip("[]") if name != ANY else ANY for name in given]
        self._names = frozenset((*names, bound))
        self._endings = tuple(name for name in names if name.startswith("."))
        self.bound = bound
        """The address that the server listens on."""
        self._admitted: set[bytes] = set()

    @classmethod
    def of(cls, text: str, bound: str) -> AllowedHosts | None:
        """From the option's ``text`` and the address that the server listens on; None: every host is allowed.

        Raises `InvalidSetting`.
        """
        given = names_of(text or (local_default() if is_loopback(bound) else ""))
        return cls(given, bound) if given else None

    def admits(self, host: bytes) -> bool:
        """Whether a request with this Host header may be answered."""
        if host in self._admitted:
            return True
        if not self._allows(name_in(host)):
            return False
        if len(self._admitted) >= _MEMORY:
            self._admitted.clear()
        self._admitted.add(host)
        return True

    def _allows(self, name: str) -> bool:
        return (
            ANY in self._names
            or name in self._names
            or _is_local(name) is not None
            or (bool(self._endings) and name.endswith(self._endings))
        )


def names_of(text: str) -> list[str]:
    """The hosts in a list that is separated by commas. Raises `InvalidSetting`."""
    names = [name.strip().lower() for name in text.split(",")]
    for name in filter(None, names):
        if name != ANY and not _is_name(name):
            raise InvalidSetting(
                f"the allowed host {name[:100]!r} is not a host name",
                hint="Write hosts as the browser shows them, without scheme, port or path, separated by "
                "commas: ml.example.com, .example.com for all names below it, or * for any host.",
            )
    return [name for name in names if name]


def name_in(host: bytes) -> str:
    """The name or address in a Host header, without its port."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a server that listens on ``address``, a name or an IP address."""
    return _is_local(address.lower()) is not None


def local_default(environment: Mapping[str, str] = os.environ) -> str:
    """The allowed hosts of a service on this machine where none are given.

    JupyterHub and Binder reach it through a proxy that keeps the public host of the hub, which nothing here
    knows; there, no browser is on this machine, so any host is allowed.
    """
    return ANY if environment.get(HUB) else LOCAL
