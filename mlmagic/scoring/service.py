"""What each route answers: the table of the HTTP contract."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from time import perf_counter

import orjson

from mlmagic.scoring.answers import Unserialisable, encode
from mlmagic.scoring.cors import Cors
from mlmagic.scoring.counters import Counters
from mlmagic.scoring.request import BadInput, Request
from mlmagic.scoring.response import HTML, Renderer, Response, too_long_identity
from mlmagic.scoring.runner import Runner
from mlmagic.scoring.script import RunFailed, UserScript
from mlmagic.scoring.swagger import Swagger, UnknownVersion

RUN_RAISED = "An unexpected error occurred in scoring script. Check the logs for more info."
NOT_FOUND = (
    "The requested URL was not found on the server. "
    "This service answers GET /, POST /score, GET /swagger.json and GET /metrics."
)
NOT_ALLOWED = "The method is not allowed for the requested URL."

DEVELOPMENT = "MLMAGIC_DEVELOPMENT"

Reply = Callable[[Response], None]


class Service:
    """Answers requests with a script. `answer` calls ``reply`` exactly once, now or later."""

    def __init__(
        self, script: UserScript, runner: Runner, swagger: Swagger, *, development: bool | None = None
    ) -> None:
        self.script = script
        self.runner = runner
        self.swagger = swagger
        self.counters = Counters()
        self.renderer = Renderer()
        self.development = os.environ.get(DEVELOPMENT) == "1" if development is None else development
        self._cors = Cors.of(os.environ)
        self._tasks: set[asyncio.Task[None]] = set()
        self._routes: dict[bytes, tuple[bytes, dict[bytes, Callable[[Request, Reply], None]]]] = {
            b"/": _route(GET=self._health, HEAD=self._health, OPTIONS=self._options),
            b"/score": _route(
                GET=self._score,
                POST=self._score,
                OPTIONS=self._score if script.input.takes_options else self._options,
            ),
            b"/swagger.json": _route(GET=self._swagger, HEAD=self._swagger, OPTIONS=self._options),
            b"/metrics": _route(GET=self._metrics, HEAD=self._metrics, OPTIONS=self._options),
        }

    def answer(self, request: Request, reply: Reply) -> None:
        """Find the route and let it answer."""
        route = self._routes.get(request.target) or self._routes.get(request.path)
        if route is not None and self._cors is not None:
            reply = self._permitting(self._cors, request, reply)
        if (refusal := too_long_identity(request)) is not None:
            reply(refusal)
            return
        if route is None:
            reply(Response.message(404, NOT_FOUND))
            return
        allowed, handlers = route
        handler = handlers.get(request.method)
        if handler is None:
            reply(Response.message(405, NOT_ALLOWED, fields=b"Allow: %s\r\n" % allowed))
            return
        handler(request, reply)

    def _permitting(self, cors: Cors, request: Request, reply: Reply) -> Reply:
        def permit(response: Response) -> None:
            cors.permit(request, response)
            reply(response)

        return permit

    def _health(self, request: Request, reply: Reply) -> None:
        reply(Response(200, b"Healthy", HTML))

    def _options(self, request: Request, reply: Reply) -> None:
        allowed = self._routes[request.path][0]
        reply(Response(200, b"", HTML, fields=b"Allow: %s\r\n" % allowed))

    def _metrics(self, request: Request, reply: Reply) -> None:
        reply(Response(200, self.counters.exposition().encode(), "text/plain; version=0.0.4; charset=utf-8"))

    def _swagger(self, request: Request, reply: Reply) -> None:
        try:
            reply(Response(200, self.swagger.document(request.parameter("version"))))
        except UnknownVersion as error:
            reply(Response.message(404, str(error)))

    def _score(self, request: Request, reply: Reply) -> None:
        self.counters.in_flight += 1
        call = ScoringCall(self, request, reply)
        if self.script.is_async:
            task = asyncio.get_running_loop().create_task(call.perform_async())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self.runner.submit(call)

    def failure(self, error: BaseException, request: Request) -> Response:
        """The request did not fit, or run() raised: the log gets it all, the client only in development."""
        if isinstance(error, BadInput):
            return Response.message(error.status, str(error))
        record = RunFailed(error).record()
        identity = self.renderer.identify(request).decode("latin-1")
        sys.stderr.write(f"run() failed for request {identity}:\n{record['traceback']}")
        sys.stderr.flush()
        body: dict[str, object] = {"message": RUN_RAISED}
        if isinstance(error, Unserialisable):
            body["message"] = str(error)
        elif self.development:
            body["error"] = {key: record[key] for key in ("type", "message", "traceback")}
        return Response(500, orjson.dumps(body), run_failed=True)


class ScoringCall:
    """One request on its way through run(), and the answer it gets."""

    __slots__ = ("_reply", "_request", "_service", "response")

    def __init__(self, service: Service, request: Request, reply: Reply) -> None:
        self._service = service
        self._request = request
        self._reply = reply
        self.response: Response | None = None

    @property
    def abandoned(self) -> bool:
        return self._request.abandoned

    def perform(self) -> None:
        start = perf_counter()
        try:
            result = self._service.script.call(self._request)
            took = perf_counter() - start
            self.response = _answered(result, took * 1000)
        except BaseException as error:  # SystemExit too: a script must not stop the service
            self.response = self._service.failure(error, self._request)

    async def perform_async(self) -> None:
        start = perf_counter()
        try:
            result = await self._service.script.call(self._request)
            took = perf_counter() - start
            self.response = _answered(result, took * 1000)
        except BaseException as error:
            self.response = self._service.failure(error, self._request)
        self.finish()

    def finish(self) -> None:
        response = self.response or Response.message(500, "The request was given up.")
        counters = self._service.counters
        counters.in_flight -= 1
        counters.record(perf_counter() - self._request.arrived, response.status >= 400)
        self._reply(response)


def _answered(result: object, exec_ms: float) -> Response:
    if isinstance(result, Response):
        return result.sealed(exec_ms)
    return Response(200, encode(result), exec_ms=exec_ms)


def _route(
    **handlers: Callable[[Request, Reply], None],
) -> tuple[bytes, dict[bytes, Callable[[Request, Reply], None]]]:
    return ", ".join(handlers).encode(), {method.encode(): handler for method, handler in handlers.items()}
