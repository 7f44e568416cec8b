"""Allowed origins (CORS): AML_CORS_ORIGINS, a comma-separated list; ``*`` is any.

Every response of a known route to a page of an allowed origin has the CORS headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response

VARIABLE = "AML_CORS_ORIGINS"
METHODS = (b"GET", b"POST")


class Cors:
    """The allowed origins."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.lower().encode() for origin in origins)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Cors | None:
        """None if there are none."""
        origins = [origin.strip() for origin in environment.get(VARIABLE, "").split(",")]
        return cls(filter(None, origins)) if any(origins) else None

    def allows(self, origin: bytes) -> bool:
        """Whether pages of ``origin`` may call the service; of an unknown one (empty), only if all may."""
        return not {b"*", origin.lower()}.isdisjoint(self._origins)

    def permit(self, request: Request, response: Response) -> None:
        """Add the CORS headers to ``response``, unless the script has added its own."""
        if b"access-control-allow-origin:" in response.fields.lower():
            return
        # The answer to one page must not be kept for another.
        response.fields += b"Vary: Origin\r\n"
        origin = request.fields.get(b"origin", b"")
        if not origin or not self.allows(origin):
            return
        response.fields += b"Access-Control-Allow-Origin: %s\r\n" % origin
        if request.method == b"OPTIONS":
            response.fields += self._preflight(request)

    def _preflight(self, request: Request) -> bytes:
        if request.fields.get(b"access-control-request-method") not in METHODS:
            return b""
        fields = b"Access-Control-Allow-Methods: %s\r\n" % b", ".join(METHODS)
        if headers := request.fields.get(b"access-control-request-headers"):
            fields += b"Access-Control-Allow-Headers: %s\r\n" % headers
        return fields
