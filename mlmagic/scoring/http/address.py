"""Where a server listens, and who may call it: its options, and what they need before it can start."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.http.allowed_hosts import VARIABLE, AllowedHosts, names_of
from mlmagic.scoring.http.listener import CannotListen, Listeners, bind, check_exposure
from mlmagic.scoring.http.socket_handover import receive_socket
from mlmagic.scoring.http.tls import Certificate

JOIN_S = 600.0
"""How long to wait for the server that is joined: as long as init() may take by default."""


@dataclass(frozen=True)
class Address:
    """Where to listen, and for how many seconds (``grace``) to finish requests after a signal."""

    host: str = "127.0.0.1"
    port: int = 5001
    prefer: int = 0
    take_over: str | None = None
    """Run directory of the server that listens there now."""
    join: str | None = None
    """Run directory of another server, to accept from the same queue as soon as that one serves."""
    grace: float = 10.0


@dataclass(frozen=True)
class Security:
    """Who may call the server, and how."""

    keys_file: str | None = None
    """The keys of callers; without it they are in variables, or there is no authentication."""
    cert_file: str | None = None
    """The TLS certificate and its key; None: no TLS."""
    key_file: str | None = None
    allowed_hosts: str = ""
    """As for `AllowedHosts`."""
    no_auth: bool = False
    """Whether everyone who reaches the server may call it, where it listens on more than this machine."""


@dataclass(frozen=True)
class Guards:
    """What a server checks its callers with."""

    access: Authenticator | None
    """None: everyone who reaches it may call it."""
    certificate: Certificate | None
    """None: no TLS."""
    allowed_hosts: str

    @classmethod
    def of(cls, address: Address, security: Security) -> Guards:
        """Read keys and certificate. Raises `StartFailed`, also where everyone could call the server."""
        access = Authenticator.of(security.keys_file, os.environ)
        check_exposure(address.host, guarded=access is not None, no_auth=security.no_auth)
        allowed_hosts = security.allowed_hosts or os.environ.get(VARIABLE, "")
        names_of(allowed_hosts)
        return cls(access, Certificate.of(security.cert_file, security.key_file), allowed_hosts)

    def hosts(self, host: str) -> AllowedHosts | None:
        """The hosts that requests may name, at a server that listens on ``host``."""
        return AllowedHosts.of(self.allowed_hosts, host)


def listen(address: Address, health_port: int | None) -> list[socket.socket]:
    """The bound socket of the service, and that of the health port if there is one. Raises `CannotListen`."""
    sock = _joined(address) if address.join is not None else None
    if sock is None and address.take_over is not None:
        sock = receive_socket(Path(address.take_over), address.port or address.prefer)
    if sock is None:
        sock = bind(address.host, address.port, prefer=address.prefer, share=address.take_over is not None)
    if health_port is None or health_port == sock.getsockname()[1]:
        return [sock]
    try:
        return [sock, bind(address.host, health_port, share=address.take_over is not None)]
    except CannotListen:
        sock.close()
        raise


def _joined(address: Address) -> socket.socket | None:
    """The socket of the server that is joined; waits until it serves, or for `JOIN_S`."""
    assert address.join is not None
    deadline = time.monotonic() + JOIN_S
    while time.monotonic() < deadline:
        sock = receive_socket(Path(address.join), address.port)
        if sock is not None:
            return sock
        time.sleep(0.05)
    raise CannotListen(f"the replica of {address.join} does not serve")


def listeners(address: Address, health_port: int | None) -> Listeners:
    """The sockets of a server. Raises `CannotListen`."""
    return Listeners(listen(address, health_port), is_shared=bool(address.take_over or address.join))
