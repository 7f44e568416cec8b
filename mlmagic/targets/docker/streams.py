"""Responses of the engine that last: logs, commands, builds and pulls.

The docker SDK returns an iterator over such a response and keeps the response itself private. A `Stream` has
both, so it can close the connection, and end it while another thread waits for the next item.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from docker import APIClient
    from requests import Response

T = TypeVar("T")
_thread = threading.local()


def keep_responses(client: APIClient) -> None:
    """Let `Stream` see the responses of ``client``, by a response hook of requests."""
    client.hooks["response"].append(_keep)


def _keep(response: Response, **options: Any) -> None:
    kept: list[Response] | None = getattr(_thread, "kept", None)
    if kept is not None and options.get("stream"):
        kept.append(response)


class Stream(Generic[T]):
    """The items of one lasting response; closed when its block is left."""

    def __init__(self, call: Callable[[], Iterable[T]]) -> None:
        """``call`` is one call of the SDK that returns an iterator; what it raises is raised here."""
        kept: list[Response] = []
        _thread.kept = kept
        try:
            self._items = iter(call())
        finally:
            _thread.kept = None
        self._response: Response = kept[-1]

    def __iter__(self) -> Iterator[T]:
        return self._items

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def end(self) -> None:
        """End the connection from any thread: one that waits for an item gets an error or the end at once."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has ended already
            self._response.raw.shutdown()

    def close(self) -> None:
        """Close the connection; not while another thread reads from it."""
        self._response.close()
