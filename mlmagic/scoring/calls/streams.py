"""Streams: answers that are sent piece by piece, of a run() that is a generator or returns a response of one.

The first item is made before the head of the answer is sent: an error until then is an ordinary 500. A later
one closes the connection in the middle (in server-sent events there is an event ``error`` first).
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator
from time import perf_counter
from typing import Any

from mlmagic.scoring.calls.call_queue import TimeLimitExceeded
from mlmagic.scoring.calls.runner import Runner
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.http.streaming import StreamedResponse, Then
from mlmagic.scoring.logs import answering
from mlmagic.scoring.outputs.stream_formats import Format

_END: Any = object()


class Stream(StreamedResponse):
    """The answer of a generator: the head is that of ``head``.

    ``failed`` logs an error and returns the message for the client. `on_end` is called once, with whether the
    stream has failed.
    """

    __slots__ = ("_ended", "_failed", "_first", "_format", "_over", "on_end", "request")

    def __init__(
        self,
        head: Response,
        form: Format,
        first: Any,
        failed: Callable[[BaseException], bytes],
        request: Request,
    ) -> None:
        self._format = form
        self._failed = failed
        self.request = request
        self._ended = first is _END
        self._over = False
        self.on_end: Callable[[bool], None] = _nothing
        super().__init__(
            head.status,
            content_type=head.content_type,
            fields=head.fields,
            run_failed=head.run_failed,
            exec_ms=head.exec_ms,
        )
        self._first = self._format.end(True) if first is _END else self._format.item(first, True)

    @property
    def first(self) -> bytes:
        return self._first

    @property
    def complete(self) -> bool:
        return self._over

    def pull(self, then: Then) -> None:
        if self._ended:
            self._finish(failed=False)
            then(b"")
        else:
            self._make(then)

    def abandon(self) -> None:
        if not self._ended:
            self._ended = True
            self._end_items()
            self._finish(failed=True)

    @abstractmethod
    def _make(self, then: Then) -> None:
        """Have the next item made, and hand its bytes to ``then``."""

    @abstractmethod
    def _end_items(self) -> None:
        """End the generator."""

    def piece(self, item: Any) -> bytes:
        """The bytes of ``item``, or of the end. Raises `Unserialisable`."""
        if item is _END:
            self._ended = True
            return self._format.end(False)
        return self._format.item(item, False)

    def broken(self, error: BaseException, then: Then) -> None:
        """The generator raised: say so, as far as the format has words for it."""
        self._ended = True
        answering(self.request)
        last_words = self._format.failure(self._failed(error))
        answering(None)
        self._finish(failed=True)
        then(last_words or None)

    def _finish(self, *, failed: bool) -> None:
        if not self._over:
            self._over = True
            self.on_end(failed)


class SyncStream(Stream):
    """Of a generator; each step is a call of its own, so that other requests are served."""

    __slots__ = ("_items", "_runner")

    def __init__(self, items: Generator[Any, None, None], runner: Runner, *args: Any, **options: Any) -> None:
        self._items = items
        self._runner = runner
        super().__init__(*args, **options)

    def _make(self, then: Then) -> None:
        self._runner.submit(_Step(self, lambda: next(self._items, _END), then))

    def _end_items(self) -> None:
        self._runner.submit(_Step(self, self._items.close, _nothing))

    def again(self, step: _Step) -> None:
        self._runner.submit(step)


class AsyncStream(Stream):
    """Of an async generator."""

    __slots__ = ("_items", "_task")

    def __init__(self, items: AsyncGenerator[Any, None], *args: Any, **options: Any) -> None:
        self._items = items
        self._task: asyncio.Task[None] | None = None
        super().__init__(*args, **options)

    def _make(self, then: Then) -> None:
        self._task = asyncio.get_running_loop().create_task(self._next(then))

    async def _next(self, then: Then) -> None:
        answering(self.request)
        try:
            piece = self.piece(await anext(self._items, _END))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.broken(error, then)
        else:
            then(piece)

    def _end_items(self) -> None:
        running = self._task
        if running:
            running.cancel()
        self._task = asyncio.get_running_loop().create_task(_close(self._items, running))


class _Step:
    """One step of a generator, as a call."""

    time_limited = True

    def __init__(self, stream: SyncStream, step: Callable[[], Any], then: Then) -> None:
        self._stream = stream
        self._step = step
        self._then: Then | None = then
        self._piece = b""
        self._error: BaseException | None = None
        self.arrived = perf_counter()
        self.abandoned = False

    def perform(self) -> None:
        answering(self._stream.request)
        try:
            self._piece = self._stream.piece(self._step())
        except TimeLimitExceeded:
            raise
        except BaseException as error:
            self._error = error
        finally:
            answering(None)

    def finish(self) -> None:
        then, self._then = self._then, None
        if then is None:
            return
        if self._error is not None:
            self._stream.broken(self._error, then)
        else:
            then(self._piece)

    def turn_away(self, limit_s: float) -> None:
        # What has begun is not turned away: it waits again.
        self.arrived = perf_counter()
        self._stream.again(self)

    def give_up(self, limit_s: float) -> None:
        self._error = TimeoutError(f"no item came in {limit_s:g} s")
        self.finish()


async def _close(items: AsyncGenerator[Any, None], running: asyncio.Task[None] | None) -> None:
    if running:
        with contextlib.suppress(BaseException):
            await running
    with contextlib.suppress(BaseException):
        await items.aclose()


def _nothing(_: object) -> None:
    return


def first_of(items: Generator[Any, None, None]) -> Any:
    """The first item, or the mark of there being none."""
    return next(items, _END)


async def first_of_async(items: AsyncGenerator[Any, None]) -> Any:
    """The same of an async generator."""
    return await anext(items, _END)
