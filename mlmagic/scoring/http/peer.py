"""Who sent a request, and through which proxy.

A proxy adds ``X-Forwarded-*`` headers to what it passes on; a client can write them, too. They count only if
the connection comes from an address that is trusted: those in the variable FORWARDED_ALLOW_IPS, which
gunicorn and uvicorn read as well, and this machine itself without it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

VARIABLE = "FORWARDED_ALLOW_IPS"
DEFAULT = "127.0.0.1,::1"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    address: str = ""
    """An IP address; empty for a Unix socket."""
    port: int = 0
    is_secure: bool = False
    """Whether the connection is encrypted."""

    @property
    def scheme(self) -> str:
        return "https" if self.is_secure else "http"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and how its sender addressed the service."""

    address: str
    port: int
    scheme: str
    host: str


def origin_of(peer: Peer, fields: Mapping[bytes, bytes], trusted: str | None = None) -> Origin:
    """The sender of a request with the headers ``fields``: the peer, or what a trusted proxy says of it.

    ``trusted`` is a list of addresses and networks, separated by commas, or ``*`` for all.
    """
    host = _text(fields, b"host")
    given = os.environ.get(VARIABLE, DEFAULT) if trusted is None else trusted
    if not _is_trusted(peer.address, given):
        return Origin(peer.address, peer.port, peer.scheme, host)
    # Each proxy appends the address that it got the request from; only the last word is the proxy's own.
    sender = _last(fields, b"x-forwarded-for")
    return Origin(
        sender or peer.address,
        0 if sender else peer.port,
        _last(fields, b"x-forwarded-proto") or peer.scheme,
        _last(fields, b"x-forwarded-host") or host,
    )


@cache
def _is_trusted(address: str, trusted: str) -> bool:
    import ipaddress

    for each in filter(None, map(str.strip, trusted.split(","))):
        if each in ("*", address):
            return True
        try:
            if ipaddress.ip_address(address) in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:
            continue
    return False


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode("latin-1")


def _last(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return _text(fields, name).rpartition(",")[2].strip()
