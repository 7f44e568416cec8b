"""Who may call a service on this machine: programs, its own web page, and pages of allowed origins.

A browser says which page sends a request: in ``Sec-Fetch-Site``, which no page can change, and in ``Origin``.
Programs such as curl send neither. Heads that passed are remembered by their bytes (`KnownHeads`), so a
client that repeats its head pays for this once.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlmagic.scoring.authentication import OPEN
from mlmagic.scoring.http.allowed_hosts import AllowedHosts, name_in
from mlmagic.scoring.http.cors import Cors
from mlmagic.scoring.http.request import path_of
from mlmagic.scoring.http.request_head import Refusal

_SITE = b"sec-fetch-site"
_OWN_SITES = (b"same-origin", b"none")
"""The page is the service's own, or there is none: somebody has typed the address."""
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class CallerCheck:
    """The rule for the head of a request."""

    def __init__(self, hosts: AllowedHosts, cors: Cors | None = None) -> None:
        self._hosts = hosts
        self._cors = cors

    def check(self, method: bytes, target: bytes, fields: Mapping[bytes, bytes]) -> None:
        """Raises `Refusal`: 421 for a host that is not allowed, 403 for a web page that is not."""
        host = fields.get(b"host")
        if host is not None and not self._hosts.admits(host):
            name = name_in(host)
            raise Refusal(
                421,
                f"The host {name!r} is not allowed: this service listens on {self._hosts.bound} and accepts "
                f"local names and allowed hosts. Allow it with: --allowed-hosts {name}",
            )
        if (_SITE in fields or b"origin" in fields) and self._is_foreign(method, target, fields):
            raise Refusal(403, _page_refused(fields.get(b"origin")))

    def _is_foreign(self, method: bytes, target: bytes, fields: Mapping[bytes, bytes]) -> bool:
        return (
            not is_same_origin(fields)
            and not (self._cors is not None and self._cors.allows(fields.get(b"origin", b"")))
            and not (is_navigation(method, fields) and path_of(target) in OPEN)
        )


def is_same_origin(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a request comes from a page of the service itself, or from no page at all."""
    site = fields.get(_SITE)
    if site in _OWN_SITES:
        return True
    origin = fields.get(b"origin")
    if origin is None:
        return site is None
    scheme, _, authority = origin.lower().partition(b"://")
    own = _without_port(authority, scheme)
    # Behind a proxy the page's host is in X-Forwarded-Host, which a page cannot send to another origin
    # without a preflight request; and that is refused.
    hosts = (fields.get(b"host", b""), fields.get(b"x-forwarded-host", b"").rpartition(b",")[2].strip())
    return bool(own) and any(_without_port(host.lower(), scheme) == own for host in hosts)


def is_navigation(method: bytes, fields: Mapping[bytes, bytes]) -> bool:
    """Whether somebody opens the address in a tab, by a link of another page: that page cannot read it."""
    return (
        method in (b"GET", b"HEAD")
        and b"origin" not in fields
        and fields.get(b"sec-fetch-mode") == b"navigate"
        and fields.get(b"sec-fetch-dest") == b"document"
    )


def _without_port(authority: bytes, scheme: bytes) -> bytes:
    return authority.removesuffix(_DEFAULT_PORTS.get(scheme, b":"))


def _page_refused(origin: bytes | None) -> str:
    if origin is None:
        return "A web page of another origin may not call this service. Allow it with: --cors-origins ORIGIN"
    named = origin[:200].decode("latin-1")
    return f"The web page {named!r} may not call this service. Allow its origin with: --cors-origins {named}"
