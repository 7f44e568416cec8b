"""A streamed answer on its way to a client, no faster than the client reads."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from mlmagic.scoring.http.response import Response

Then = Callable[[bytes | None], None]


class StreamedResponse(Response):
    """An answer that is sent while it is made: head, ``first``, and what `pull` brings until `complete`."""

    __slots__ = ()

    is_stream: ClassVar[bool] = True

    @property
    @abstractmethod
    def first(self) -> bytes:
        """What is sent with the head."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """All of it has been made."""

    @abstractmethod
    def pull(self, then: Then) -> None:
        """Have the next piece made; ``then`` gets it on the loop, None if the stream broke.

        A piece may be empty; at the end an empty one is passed, and the stream is `complete`.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Nobody reads any more."""


class Streaming:
    """Sends what ``stream`` makes, piece by piece; then calls ``done`` with whether it is complete."""

    def __init__(
        self,
        stream: StreamedResponse,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[bool], None],
        *,
        chunked: bool,
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._loop = loop
        self._done = done
        self._chunked = chunked
        self._paused = self._owing = False

    def start(self, *, paused: bool) -> None:
        """The head has been sent."""
        self._paused = paused
        self._write(self._stream.first)
        self._go_on()

    def pause(self) -> None:
        """The client does not read as fast as it is written to."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._owing:
            self._owing = False
            self._go_on()

    def abandon(self) -> None:
        """The client has gone."""
        self._stream.abandon()

    def _go_on(self) -> None:
        if self._paused:
            self._owing = True
        else:
            # Never at once: a generator that is quick must not keep the loop to itself.
            self._loop.call_soon(self._stream.pull, self._take)

    def _take(self, piece: bytes | None) -> None:
        if self._transport.is_closing():
            self._stream.abandon()
        elif piece is None:
            self._done(False)
        elif piece or not self._stream.complete:
            self._write(piece)
            self._go_on()
        else:
            if self._chunked:
                self._transport.write(b"0\r\n\r\n")
            self._done(True)

    def _write(self, piece: bytes) -> None:
        if piece:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
