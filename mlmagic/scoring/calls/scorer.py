"""Scoring: from a request through run() to its response.

a plain run()      `Runner`, on the script's thread: see `mlmagic.scoring.calls.script_thread`
an async run()     `TaskRunner`, in the event loop
a batched run()    `Batcher`, over the runner
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import orjson

from mlmagic.scoring.calls.batching import Batcher
from mlmagic.scoring.calls.call_queue import TaskRunner, TimeLimitExceeded
from mlmagic.scoring.calls.runner import Runner
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.calls.stacking import Arguments
from mlmagic.scoring.calls.streams import AsyncStream, Stream, SyncStream, first_of, first_of_async
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.http.response import Chunked, Renderer, Response
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.logs import answering
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.outputs.http_result import error_result, http_result
from mlmagic.scoring.outputs.json_encoder import Unserialisable, encode
from mlmagic.scoring.outputs.stream_formats import Chunks, format_of
from mlmagic.scoring.script import RunFailed, UserScript

RUN_RAISED = "An unexpected error occurred in scoring script. Check the logs for more info."
BUSY = (
    "The service is busy: the request waited {:.0f} ms (max_request_wait_time). Try again later, or give the "
    "service more replicas or more concurrent requests (replica_max_concurrent_requests)."
)

QUIET_S = 60.0
"""How long the calls in progress have to end before a new script is tried; as long as a call may take."""
QUIET_POLL_S = 0.005

OVERDUE_UNTIL_UNHEALTHY = 3
"""So many calls in a row that exceeded their time limit make a service unhealthy."""

DEVELOPMENT = "MLMAGIC_DEVELOPMENT"

_PLAIN = frozenset([dict, list, tuple, str, int, float, bool, type(None)])
"""Types of results that are nothing but JSON: quicker to look up than to check for all the others."""

_NO_RESULT = frozenset([503, 504])
"""Statuses of requests that waited too long for their turn, or whose call took too long."""

Reply = Callable[[Response], None]


class Scorer:
    """Answers scoring requests with a script. `submit` calls ``reply`` exactly once, now or later."""

    def __init__(
        self,
        script: UserScript,
        thread: ScriptThread,
        *,
        limits: Limits | None = None,
        development: bool | None = None,
        counters: Counters | None = None,
    ) -> None:
        limits = limits or Limits()
        self.script = script
        self.thread = thread
        self.counters = counters or Counters()
        self.overdue = 0
        """How many calls in a row have exceeded their time limit."""
        self.renderer = Renderer()
        self.development = os.environ.get(DEVELOPMENT) == "1" if development is None else development
        self.runner = Runner(
            thread,
            concurrent=limits.concurrent or 1,
            wait_s=limits.wait_s,
            timeout_s=limits.timeout_s,
        )
        self._tasks = TaskRunner(
            thread.loop, concurrent=limits.concurrent, wait_s=limits.wait_s, timeout_s=limits.timeout_s
        )
        self._batcher = Batcher(
            self.runner,
            script.perform,
            max_rows=script.batch or 1,
            loop=thread.loop,
            wait_s=limits.batch_wait_s,
        )
        self._start = self._call_maker()

    def use(self, script: UserScript) -> None:
        """Use ``script`` from now on; calls in progress end with the old one."""
        self.script = script
        self._batcher.call, self._batcher.max_rows = script.perform, script.batch or 1
        self._start = self._call_maker()

    def submit(self, request: Request, reply: Reply) -> None:
        """Answer ``request``."""
        self.renderer.identify(request)  # for what the script prints meanwhile
        self.counters.in_flight += 1
        self._start(request, reply)

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Inside of it, no call of run() is in progress: new requests are answered after it.

        Raises `TimeoutError` if the calls in progress take longer than `QUIET_S`.
        """
        held: list[tuple[Request, Reply]] = []
        self._start = lambda request, reply: held.append((request, reply))
        try:
            deadline = perf_counter() + QUIET_S
            while self.counters.in_flight > len(held) or self.runner.stuck:
                if perf_counter() > deadline:
                    raise TimeoutError(f"calls of run() were still in progress after {QUIET_S:g} s")
                await asyncio.sleep(QUIET_POLL_S)
            yield
        finally:
            self._start = self._call_maker()
            for request, reply in held:
                self._start(request, reply)

    @property
    def illness(self) -> str:
        """Why the service should be ended and started again; empty while run() returns in time."""
        if self.overdue < OVERDUE_UNTIL_UNHEALTHY:
            return ""
        return f"the last {self.overdue} calls of run() exceeded their time limit"

    def close(self) -> None:
        """No more requests will come."""
        self.runner.close()

    def _call_maker(self) -> Callable[[Request, Reply], None]:
        if self.script.is_async:
            return lambda request, reply: self._tasks.submit(AsyncScoringCall(self, request, reply))
        if self.script.batch:
            return lambda request, reply: self._batcher.add(StackableCall(self, request, reply))
        return lambda request, reply: self.runner.submit(SyncScoringCall(self, request, reply))

    def stream(self, items: Any, first: Any, request: Request, exec_ms: float) -> Stream:
        """The answer of a generator that has made its first item."""
        form = format_of(request, first)
        head = Response(200, content_type=form.content_type, exec_ms=exec_ms)
        rest = (head, form, first, self._stream_failed, request)
        return AsyncStream(items, *rest) if isinstance(items, AsyncGenerator) else self._sync(items, *rest)

    def chunked(self, head: Response, chunks: Chunked, request: Request) -> Stream:
        """The answer ``head``, whose body is ``chunks``."""
        first = first_of(chunks)
        return self._sync(chunks, head, Chunks(), first, self._stream_failed, request)

    def _sync(self, items: Chunked, *rest: Any) -> Stream:
        return SyncStream(items, self.runner, *rest)

    def _stream_failed(self, error: BaseException) -> bytes:
        return self.failure(error).body

    def failure(self, error: BaseException) -> Response:
        """The response to bad input or an error of run(), whose traceback is logged."""
        if isinstance(error, BadInput):
            return Response.message(error.status, str(error), fields=error.fields)
        if (response := error_result(error)) is not None:
            return response
        record = RunFailed(error).record()
        sys.stderr.write(f"run() failed:\n{record['traceback']}")
        sys.stderr.flush()
        body: dict[str, object] = {"message": RUN_RAISED}
        if isinstance(error, Unserialisable):
            body["message"] = str(error)
        elif self.development:
            body["error"] = {key: record[key] for key in ("type", "message", "traceback")}
        return Response(500, orjson.dumps(body), run_failed=True)


class ScoringCall:
    """One request on its way through run(), and the answer it gets."""

    __slots__ = ("_replied", "_reply", "_request", "_scorer", "response")

    time_limited = True

    def __init__(self, scorer: Scorer, request: Request, reply: Reply) -> None:
        self._scorer = scorer
        self._request = request
        self._reply = reply
        self._replied = False
        self.response: Response | None = None

    @property
    def arrived(self) -> float:
        return self._request.arrived

    @property
    def abandoned(self) -> bool:
        return self._request.abandoned

    def finish(self) -> None:
        if self._replied:
            return
        self._replied = True
        response = self.response or Response.message(500, "The request was cancelled.")
        if isinstance(response, Stream):
            response.on_end = lambda failed: self._count(500 if failed else response.status)
        else:
            self._count(response.status)
        self._reply(response)

    def turn_away(self, limit_s: float) -> None:
        self.response = Response.message(503, BUSY.format(limit_s * 1000), fields=b"Retry-After: 1\r\n")
        self.finish()

    def give_up(self, limit_s: float) -> None:
        self._scorer.overdue += 1
        if self.response is None or not self._replied:
            message = f"Scoring timeout after {limit_s * 1000:.0f} ms"
            self.response = Response(504, orjson.dumps({"message": message}), run_failed=True)
        self.finish()

    def _answer(self, result: Any, start: float) -> Response:
        if type(result) not in _PLAIN and isinstance(result, Generator):
            first = first_of(result)
            return self._scorer.stream(result, first, self._request, (perf_counter() - start) * 1000)
        exec_ms = (perf_counter() - start) * 1000
        return self._encoded(result, exec_ms)

    def _encoded(self, result: Any, exec_ms: float) -> Response:
        if type(result) not in _PLAIN and (found := http_result(result, self._request)) is not None:
            head, chunks = found
            head.exec_ms = exec_ms
            return head if chunks is None else self._scorer.chunked(head, chunks, self._request)
        if self._request.encoder is None:
            return Response(200, encode(result), exec_ms=exec_ms)
        response: Response = self._request.encoder(result)
        response.exec_ms = exec_ms
        return response

    def _count(self, status: int) -> None:
        counters = self._scorer.counters
        counters.in_flight -= 1
        if status not in _NO_RESULT:
            self._scorer.overdue = 0
        counters.record(perf_counter() - self._request.arrived, status)


class SyncScoringCall(ScoringCall):
    """Of a plain run()."""

    __slots__ = ()

    def perform(self) -> None:
        """All of it: read the request, call run(), write the answer."""
        answering(self._request)
        self._request.called = start = perf_counter()
        try:
            result = self._scorer.script.call(self._request)
            self.response = self._answer(result, start)
        except TimeLimitExceeded:
            raise
        except BaseException as error:  # SystemExit too: a script must not stop the service
            self.response = self._scorer.failure(error)
        finally:
            answering(None)


class StackableCall(ScoringCall):
    """Of a run() that takes several requests at a time: see `mlmagic.scoring.calls.batching`."""

    __slots__ = ()

    def prepare(self) -> Arguments | None:
        answering(self._request)
        self._request.called = perf_counter()
        try:
            return self._scorer.script.prepare(self._request)
        except TimeLimitExceeded:
            raise
        except BaseException as error:
            self.response = self._scorer.failure(error)
        finally:
            answering(None)
        return None

    def call(self, arguments: Arguments) -> None:
        answering(self._request)
        start = perf_counter()
        try:
            self.response = self._answer(self._scorer.script.perform(arguments), start)
        except TimeLimitExceeded:
            raise
        except BaseException as error:
            self.response = self._scorer.failure(error)
        finally:
            answering(None)

    def take(self, answer: Any, seconds: float) -> None:
        try:
            self.response = self._encoded(answer, seconds * 1000)
        except Exception as error:
            answering(self._request)
            self.response = self._scorer.failure(error)
            answering(None)


class AsyncScoringCall(ScoringCall):
    """Of an async run()."""

    __slots__ = ()

    async def perform(self) -> None:
        answering(self._request)  # for this task alone
        self._request.called = start = perf_counter()
        try:
            result = self._scorer.script.call(self._request)
            if isinstance(result, AsyncGenerator):
                first = await first_of_async(result)
                exec_ms = (perf_counter() - start) * 1000
                self.response = self._scorer.stream(result, first, self._request, exec_ms)
            else:
                self.response = self._answer(await result, start)
        except asyncio.CancelledError:
            return  # the time limit: the client has its 504
        except BaseException as error:
            self.response = self._scorer.failure(error)
