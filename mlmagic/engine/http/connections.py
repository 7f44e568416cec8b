"""HTTP connections to services and webhooks: one urllib3 pool and its certificate checks.

Requests go straight to the server: proxies and netrc files of the user's environment are not used. Redirects
are not followed. Cookies are not kept, so a cookie of one service reaches no other.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache, cached_property
from typing import TYPE_CHECKING

from mlmagic.engine.http.certificates import trust_in

if TYPE_CHECKING:
    import urllib3
    from urllib3.util import Url

_SERVERS = 32
"""How many servers have connections open at the same time."""


_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds of silence before the other side is probed, seconds between probes, and how many may fail."""


class NoAnswer(Exception):
    """A request had no response. The message is the reason, without the URL, which may hold a secret."""


class NotConnected(NoAnswer):
    """No connection could be made. Nothing was sent."""


class CertificateRefused(NoAnswer):
    """The server's certificate is not trusted. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """Names compare without case."""
    body: bytes

    @property
    def text(self) -> str:
        """The body in the character set of its content type; UTF-8 if that names none."""
        content_type = Message()
        content_type["Content-Type"] = self.headers.get("Content-Type", "")
        try:
            return self.body.decode(content_type.get_content_charset("utf-8"), "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


def _socket_options(kind: type[urllib3.connection.HTTPConnection]) -> list[tuple[int, int, int]]:
    """Options by which a request fails soon whose server is gone with its machine, such as a pod."""
    options = [*kind.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in _ALIVE.items():
        if hasattr(socket, name):  # macOS lacks one
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class Connections:
    """Sends requests over connections that stay open, up to ``per_server`` idle ones for each server."""

    def __init__(self, per_server: int = 1) -> None:
        self._per_server = per_server

    @cached_property
    def _manager(self) -> urllib3.PoolManager:
        """The pools, created for the first request: a process that sends none does not import urllib3."""
        import urllib3

        options = _socket_options(urllib3.connection.HTTPConnection)
        return urllib3.PoolManager(_SERVERS, maxsize=self._per_server, socket_options=options)

    def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        connect_timeout: float | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        cert_file: str | None = None,
        most: int | None = None,
        address: str | None = None,
    ) -> Response:
        """Send one request.

        ``timeout`` is in seconds, for each wait for the server; ``connect_timeout`` defaults to ``timeout``.
        ``cert_file`` holds the one certificate that an https:// server may show; None: a certificate
        authority must have signed it for its host. ``most`` limits the bytes of the body that are read.
        ``address`` is the IP address to connect to, instead of looking up the host of ``url``.

        Raises `NoAnswer`; `CertificateRefused` if the certificate is not trusted.
        """
        import urllib3
        from urllib3.exceptions import (
            ConnectTimeoutError,
            HTTPError,
            NewConnectionError,
            ProtocolError,
            SSLError,
        )

        sent = {"User-Agent": "mlmagic", **(headers or {})}
        patience = urllib3.Timeout(connect=connect_timeout or timeout, read=timeout)

        def exchange(pool: urllib3.HTTPConnectionPool, target: str) -> Response:
            response = pool.urlopen(
                method,
                target,
                body=body,
                headers=sent,
                retries=False,
                redirect=False,
                timeout=patience,
                preload_content=most is None,
            )
            try:
                content = response.data if most is None else response.read(most) if most else b""
            finally:
                if most is not None:  # what was not read must not be taken for the next response
                    response.close()
            return Response(response.status, response.headers, content)

        try:
            parsed = urllib3.util.parse_url(url)
            if address is not None:
                sent["Host"] = parsed.netloc or ""
            for pool in self._pools(parsed, cert_file, address):
                try:
                    return exchange(pool, parsed.request_uri)
                except ProtocolError:
                    if method != "GET":
                        raise
                    # The server may have closed an idle connection just now.
                    return exchange(pool, parsed.request_uri)
                except SSLError as error:
                    if not _is_refusal(error):
                        raise
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotConnected(_reason(error)) from error
        except (HTTPError, OSError, ValueError) as error:
            raise NoAnswer(_reason(error)) from error
        raise CertificateRefused("its certificate is not trusted")

    def close(self) -> None:
        """Close the connections. They are opened again when needed."""
        if "_manager" in vars(self):  # else there were none
            self._manager.clear()

    def _pools(
        self, url: Url, cert_file: str | None, address: str | None = None
    ) -> Iterator[urllib3.HTTPConnectionPool]:
        """One pool for each certificate that may be shown."""
        host = f"[{address}]" if address and ":" in address else address
        server = host or url.host, url.port, url.scheme
        if url.scheme != "https":
            yield self._manager.connection_from_host(*server)
        elif cert_file is None:
            named = {"server_hostname": url.host, "assert_hostname": url.host} if host else {}
            yield self._manager.connection_from_host(*server, {"ssl_context": _authorities(), **named})
        else:
            for fingerprint in trust_in(cert_file).fingerprints():
                trusted = {"ssl_context": _without_authorities(), "assert_fingerprint": fingerprint}
                yield self._manager.connection_from_host(*server, trusted)


@cache
def _authorities() -> ssl.SSLContext:
    """The certificate authorities of this machine and those that Mozilla trusts."""
    import certifi
    from urllib3.util import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_default_certs()
    context.load_verify_locations(certifi.where())
    return context


@cache
def _without_authorities() -> ssl.SSLContext:
    """Accepts every certificate: for connections that compare its fingerprint."""
    from urllib3.util import create_urllib3_context

    return create_urllib3_context(cert_reqs=ssl.CERT_NONE)


def _is_refusal(error: Exception) -> bool:
    """Whether the certificate is the reason, and not another fault of TLS: then nothing was sent."""
    cause = error.args[0] if error.args else None
    return not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLCertVerificationError)


def _reason(error: Exception) -> str:
    from urllib3 import exceptions

    match error:
        case exceptions.NewConnectionError():
            return "nothing accepts connections there"
        case exceptions.ConnectTimeoutError():
            return "it could not be reached in time"
        case exceptions.TimeoutError():
            return "it did not answer in time"
        case exceptions.ProtocolError():
            return "the connection was cut off"
        case exceptions.SSLError():
            return f"TLS failed ({getattr(error.args[0], 'reason', None) or 'unknown reason'})"
        case _:
            return f"the request failed ({type(error).__name__})"
