"""Signals that reach the event loop whichever thread runs it, and whatever the main thread is doing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Collection
from types import FrameType


class SignalWatcher:
    """Calls ``on_signal`` with the number of each signal of ``numbers``, on the event loop.

    It is made on the main thread.

    Python runs its signal handlers on the main thread, between two bytecodes: not while run() is inside a
    long computation in C. The number of each signal is also written to a socket, which the loop reads.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, numbers: Collection[int], on_signal: Callable[[int], None]
    ) -> None:
        self._loop = loop
        self._numbers = frozenset(numbers)
        self._on_signal = on_signal
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        loop.add_reader(self._reader, self._read)
        self.register()
        for number in numbers:
            signal.signal(number, self._handle)
        os.register_at_fork(after_in_child=self._reset)

    def close(self) -> None:
        """Watch no more; the handlers stay, and do nothing."""
        self._loop.remove_reader(self._reader)

    def register(self) -> int:
        """Have signals written to our socket; returns the descriptor that they were written to before.

        An event loop that run() uses takes its own, and leaves none: then a signal would not wake the server.
        """
        return signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def _reset(self) -> None:
        """In a process that run() has forked: a signal ends it, and must not reach our loop."""
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._reader.recv(4096):
                if number in self._numbers:
                    self._on_signal(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # An event loop that run() is using may have registered a descriptor of its own.
        if self.register() != self._writer.fileno():
            self._loop.call_soon_threadsafe(self._on_signal, number)
