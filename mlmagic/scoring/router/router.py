"""The routes of an endpoint: what the router answers itself, and what it has a version answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.calls.scorer import Reply
from mlmagic.scoring.http.allowed_hosts import AllowedHosts
from mlmagic.scoring.http.cors import Cors
from mlmagic.scoring.http.descriptors import Descriptors
from mlmagic.scoring.http.gatekeeper import Gatekeeper
from mlmagic.scoring.http.metrics_route import MetricsRoute
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import HTML, Renderer, Response, too_long_identity, unauthorized
from mlmagic.scoring.router.choice import Choice
from mlmagic.scoring.router.counters import RouterCounters
from mlmagic.scoring.router.routes import LOOK_S, VERSION, InvalidRoutes, Routes
from mlmagic.scoring.router.shadows import Shadow
from mlmagic.scoring.router.upstream import ForwardingRenderer
from mlmagic.scoring.router.version import Version
from mlmagic.scoring.watched_files import WatchedFiles

_VERSION = VERSION.encode()
_READING = (b"GET", b"HEAD")
_ALLOW_ORIGIN = b"\r\naccess-control-allow-origin:"
_OWN = (b"/", b"/metrics", b"/versions")
NOT_ALLOWED = "The method is not allowed for the requested URL."


class Router(Gatekeeper):
    """Answers requests. `answer` calls ``reply`` exactly once, now or later."""

    stuck = False
    """It makes no calls that could hang."""

    def __init__(
        self,
        routes_file: Path,
        loop: asyncio.AbstractEventLoop,
        access: Authenticator | None = None,
        hosts: AllowedHosts | None = None,
    ) -> None:
        """Raises `InvalidRoutes`. ``access`` and ``hosts`` are as for `Gatekeeper`."""
        super().__init__(access, hosts)
        self.renderer: Renderer = ForwardingRenderer()
        self.descriptors: Descriptors | None = None
        self.versions: dict[str, Version] = {}
        self.shadows: dict[str, Shadow] = {}
        self.counters = RouterCounters(self.versions, self.shadows)
        self._loop = loop
        self._metrics = MetricsRoute(self.counters, self.counters.summary)
        self._file = routes_file
        self._watched = WatchedFiles(routes_file)
        self._looked = loop.time()
        self._invalid: InvalidRoutes | None = None
        """Why the file cannot be used, until that is reported."""
        routes = Routes.read(routes_file)
        self._choice = Choice(routes)
        self._use(routes)

    # ---- the routes -----------------------------------------------------------------------------

    def _renew(self) -> None:
        self._looked = self._loop.time()
        if self._watched.changed():
            self._invalid = None
            try:
                self._use(Routes.read(self._file))
            except InvalidRoutes as error:
                self._invalid = error
        elif self._invalid is not None:
            # Only what stays invalid: Docker does not replace a file in one step.
            print(f"mlmagic: {self._invalid}; the previous routes stay in use", file=sys.stderr, flush=True)
            self._invalid = None

    def _use(self, routes: Routes) -> None:
        self._routes = routes
        for route in routes.versions:
            version = self.versions.get(route.name)
            if version is None:
                self.versions[route.name] = Version(route, self._loop, self._renew)
            else:
                version.use(route)
            if route.shadow_percent and route.name not in self.shadows:
                self.shadows[route.name] = Shadow(self.versions[route.name])
        names = [route.name for route in routes.versions]
        for name in [each for each in self.versions if each not in names]:
            version = self.versions.pop(name)
            self.shadows.pop(name, None)
            self.counters.keep(version.counters)
            version.close()
        if not self._choice.serves(routes):
            self._choice = Choice(routes)
        self._default = self.versions[routes.default]
        self._copied = [
            self.shadows[route.name] for route in routes.versions if route.shadow_percent and route.url
        ]

    # ---- requests -------------------------------------------------------------------------------

    def answer(self, request: Request, reply: Reply) -> None:
        """Answer it, or have a version do so."""
        if self._loop.time() - self._looked >= LOOK_S:
            self._renew()
        if (cors := self._cors) is not None:
            reply = _permitting(cors, request, reply)
        if (refusal := too_long_identity(request)) is not None:
            reply(refusal)
        elif not request.admitted:
            self._refuse(request, reply)
        elif cors is not None and _is_preflight(request):
            reply(Response(200, b"", HTML))
        elif (path := request.target) == b"/score":
            self._forward(path, request, reply)
        elif (path := request.path) in _OWN:
            self._answer_here(path, request, reply)
        else:
            self._forward(path, request, reply)

    def _forward(self, path: bytes, request: Request, reply: Reply) -> None:
        identity = self.renderer.identify(request)
        # The documents are those of one version, always the same, and no scoring requests.
        scores = path == b"/score" or request.method not in _READING
        named = request.fields.get(_VERSION)
        if named is not None:
            version = self.versions.get(named.decode("latin-1"))
            if version is None:
                reply(_unknown_version(named, self.versions))
                return
        elif not scores:
            version = self._default
        else:
            version = self.versions[self._choice.version_of(request)]
            if self._copied:
                reply = self._copying(version, request, identity, reply)
        version.answer(request, identity, reply, counted=scores)

    def _copying(self, version: Version, request: Request, identity: bytes, reply: Reply) -> Reply:
        """``reply`` that also has the answer compared with those of the shadows."""
        compare = [
            shadow.copy(request, identity)
            for shadow in self._copied
            if shadow.version is not version and shadow.takes()
        ]
        if not compare:
            return reply

        def answered(response: Response) -> None:
            reply(response)
            for each in compare:
                each(version.name, response)

        return answered

    def _refuse(self, request: Request, reply: Reply) -> None:
        # A preflight request of a browser has no credentials.
        reply(Response(200, b"", HTML) if request.method == b"OPTIONS" else unauthorized())

    # ---- what the router answers itself ---------------------------------------------------------

    def _answer_here(self, path: bytes, request: Request, reply: Reply) -> None:
        if request.method == b"OPTIONS":
            reply(Response(200, b"", HTML, fields=b"Allow: GET, HEAD, OPTIONS\r\n"))
        elif request.method not in _READING:
            reply(Response.message(405, NOT_ALLOWED, fields=b"Allow: GET, HEAD, OPTIONS\r\n"))
        elif path == b"/":
            shortage = self.descriptors.shortage if self.descriptors is not None else ""
            reply(Response(200, f"Healthy: {shortage}".encode() if shortage else b"Healthy", HTML))
        elif path == b"/metrics":
            self._metrics.answer(request, reply)
        else:
            reply(Response(200, orjson.dumps(self._overview())))

    def _overview(self) -> dict[str, Any]:
        """The versions, their shares, and what shadows have answered differently; needs a key."""
        routes = self._routes
        return {
            "default": routes.default,
            "sticky_by": routes.sticky_by,
            "versions": [
                {
                    "name": route.name,
                    "percent": route.percent,
                    "shadow_percent": route.shadow_percent,
                    "is_available": route.url is not None,
                    **self.counters.of_version(route.name),
                    "differences": list(self.shadows[route.name].comparison.differences)
                    if route.name in self.shadows
                    else [],
                }
                for route in routes.versions
            ],
        }

    def close(self) -> None:
        """End: no more requests will come."""
        for version in self.versions.values():
            version.close()


def _is_preflight(request: Request) -> bool:
    """Whether a browser asks whether its page may send a request: no version sees that."""
    fields = request.fields
    return request.method == b"OPTIONS" and b"origin" in fields and b"access-control-request-method" in fields


def _permitting(cors: Cors, request: Request, reply: Reply) -> Reply:
    """``reply`` that adds the CORS headers, unless the script of the version has added its own."""

    def permit(response: Response) -> None:
        if _ALLOW_ORIGIN not in getattr(response, "head", b"").lower():
            cors.permit(request, response)
        reply(response)

    return permit


def _unknown_version(named: bytes, versions: Mapping[str, Version]) -> Response:
    name = named[:100].decode("latin-1")
    return Response.message(
        404,
        f"This endpoint has no version {name!r}, which the header {VERSION} names. "
        f"Its versions are: {', '.join(versions)}.",
    )
