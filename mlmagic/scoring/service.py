"""The routes of the service: the table of the HTTP contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.calls.scorer import Reply, Scorer
from mlmagic.scoring.http import content_encoding
from mlmagic.scoring.http.allowed_hosts import AllowedHosts
from mlmagic.scoring.http.cors import Cors
from mlmagic.scoring.http.descriptors import Descriptors
from mlmagic.scoring.http.gatekeeper import Gatekeeper
from mlmagic.scoring.http.metrics_route import MetricsRoute
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.http.response import HTML, Response, too_long_identity, unauthorized
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.openapi.swagger import Swagger, UnknownVersion
from mlmagic.scoring.openinference.routes import PREFIX, OpenInference, error_response
from mlmagic.scoring.outputs.table_encoders import encoder_for
from mlmagic.scoring.recorder import Recorder
from mlmagic.scoring.server_logger import AccessLog

if TYPE_CHECKING:
    from mlmagic.scoring.observation import Observation

NOT_FOUND = (
    "The requested URL was not found on the server. "
    "This service answers GET /, POST /score, GET /swagger.json, GET /docs, GET /metrics, "
    "and the models under /v2."
)
DOCS = Path(__file__).parent / "openapi" / "docs.html"
"""The page for people; it reads /swagger.json."""
NOT_ALLOWED = "The method is not allowed for the requested URL."


class Service(Gatekeeper):
    """Answers requests. `answer` calls ``reply`` exactly once, now or later."""

    def __init__(
        self,
        scorer: Scorer,
        swagger: Swagger,
        access: Authenticator | None = None,
        recorder: Recorder | None = None,
        access_log: AccessLog | None = None,
        hosts: AllowedHosts | None = None,
        observation: Observation | None = None,
    ) -> None:
        """``access`` and ``hosts`` are as for `Gatekeeper`."""
        super().__init__(access, hosts)
        self.scorer = scorer
        self.swagger = swagger
        self.renderer = scorer.renderer
        self.descriptors: Descriptors | None = None
        """Of the server; None without one."""
        self._recorder = recorder
        self._access_log = access_log
        self._observation = observation
        if observation is not None and observation.is_on:
            self.observe = observation.keep
        metrics = MetricsRoute(scorer.counters, lambda: scorer.counters.totals().summary()).answer
        self._routes: dict[bytes, tuple[bytes, dict[bytes, Callable[[Request, Reply], None]]]] = {
            b"/": _route(GET=self._health, HEAD=self._health, OPTIONS=self._options),
            b"/score": _route(GET=self._score, POST=self._score, OPTIONS=self._score_options),
            b"/swagger.json": _route(GET=self._swagger, HEAD=self._swagger, OPTIONS=self._options),
            b"/metrics": _route(GET=metrics, HEAD=metrics, OPTIONS=self._options),
            b"/docs": _route(GET=self._docs, HEAD=self._docs, OPTIONS=self._options),
        }
        self._open_inference = OpenInference(scorer)
        tensor_routes = self._open_inference.routes()
        for path, handlers in tensor_routes.items():
            self._routes[path] = _route(**handlers, OPTIONS=self._options)

    @property
    def counters(self) -> Counters:
        """What is counted of its requests."""
        return self.scorer.counters

    @property
    def stuck(self) -> bool:
        """Whether a call of run() does not end."""
        return self.scorer.runner.stuck

    def answer(self, request: Request, reply: Reply) -> None:
        """Call the handler of its route."""
        path = request.target
        route = self._routes.get(path)
        if route is None:
            path = request.path
            route = self._routes.get(path)
        if route is not None and self._cors is not None:
            reply = self._permitting(self._cors, request, reply)
        if (refusal := too_long_identity(request)) is not None:
            reply(refusal)
            return
        if not request.admitted:
            self._refuse(request, route is not None, reply)
            return
        if route is None:
            is_model = path.startswith(PREFIX)
            reply(self._open_inference.not_found(request) if is_model else Response.message(404, NOT_FOUND))
            return
        allowed, handlers = route
        handler = handlers.get(request.method)
        if handler is None and request.method == b"HEAD" and self._takes_requests(request):
            handler = self._score
        if handler is None:
            reply(Response.message(405, NOT_ALLOWED, fields=b"Allow: %s\r\n" % allowed))
            return
        if content_encoding.HEADER in request.fields and not self._takes_requests(request):
            self._decode(request, handler, reply)
            return
        handler(request, reply)

    def _decode(self, request: Request, handler: Callable[[Request, Reply], None], reply: Reply) -> None:
        """Call ``handler`` with the decoded body, or refuse it."""

        def answer(decoded: Callable[[], None]) -> None:
            try:
                decoded()
            except BadInput as error:
                message = error_response if request.path.startswith(PREFIX) else Response.message
                reply(message(error.status, str(error), fields=error.fields))
            else:
                handler(request, reply)

        if len(request.body) <= content_encoding.SMALL:
            answer(lambda: content_encoding.decode(request))
            return
        # It may decode to a hundred megabytes: other requests must not wait for that.
        work = asyncio.get_running_loop().run_in_executor(None, content_encoding.decode, request)
        work.add_done_callback(lambda done: answer(done.result))

    def _refuse(self, request: Request, known: bool, reply: Reply) -> None:
        # A preflight request of a browser has no credentials. It is answered here, never by the script, which
        # might score on OPTIONS.
        if known and request.method == b"OPTIONS":
            self._options(request, reply)
        else:
            reply(unauthorized())

    def _permitting(self, cors: Cors, request: Request, reply: Reply) -> Reply:
        def permit(response: Response) -> None:
            cors.permit(request, response)
            reply(response)

        return permit

    def _health(self, request: Request, reply: Reply) -> None:
        if illness := self.scorer.illness:
            reply(Response(503, f"Unhealthy: {illness}".encode(), HTML))
            return
        shortage = self.descriptors.shortage if self.descriptors is not None else ""
        reply(Response(200, f"Healthy: {shortage}".encode() if shortage else b"Healthy", HTML))

    def _score_options(self, request: Request, reply: Reply) -> None:
        answer = self._score if self._takes_requests(request) else self._options
        answer(request, reply)

    def _takes_requests(self, request: Request) -> bool:
        # Where a script reads whole requests, Flask hands it those with HEAD or an encoding as they are, too.
        return request.path == b"/score" and self.scorer.script.input.takes_options

    def _options(self, request: Request, reply: Reply) -> None:
        allowed = self._routes[request.path][0]
        reply(Response(200, b"", HTML, fields=b"Allow: %s\r\n" % allowed))

    def _swagger(self, request: Request, reply: Reply) -> None:
        if self._access_log is not None:
            reply = self._access_log.listen(request, reply)
        try:
            reply(Response(200, self.swagger.document(request.parameter("version"))))
        except UnknownVersion as error:
            reply(Response.message(404, str(error)))

    def _docs(self, request: Request, reply: Reply) -> None:
        # The page loads nothing from elsewhere, whatever the description of a script contains.
        policy = b"Content-Security-Policy: default-src 'self' 'unsafe-inline'; img-src data:\r\n"
        reply(Response(200, DOCS.read_bytes(), HTML, fields=policy))

    def _score(self, request: Request, reply: Reply) -> None:
        accept = request.fields.get(b"accept")
        if accept is not None and accept != b"*/*":
            request.encoder = encoder_for(accept)
        if self._recorder is not None:
            reply = self._recorder.listen(request, reply)
        if self._access_log is not None:
            reply = self._access_log.listen(request, reply)
        self.scorer.submit(request, reply)

    def close(self) -> None:
        """End: no more requests will come."""
        self.scorer.close()
        if self._recorder is not None:
            self._recorder.write()
        if self._observation is not None:
            self._observation.close()


def _route(
    **handlers: Callable[[Request, Reply], None],
) -> tuple[bytes, dict[bytes, Callable[[Request, Reply], None]]]:
    return ", ".join(handlers).encode(), {method.encode(): handler for method, handler in handlers.items()}
