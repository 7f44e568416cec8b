"""Threads that make calls of a plain run(), one at a time."""

from __future__ import annotations

import asyncio
import ctypes
import queue
import threading
from abc import ABC, abstractmethod
from typing import Protocol

from mlmagic.scoring.calls.call_queue import Call, TimeLimitExceeded


class SyncCall(Call, Protocol):
    """A call of a plain run()."""

    @property
    def time_limited(self) -> bool:
        """Whether the time limit holds for it."""

    def perform(self) -> None:
        """Make the call; must not raise anything but `TimeLimitExceeded`."""


class CallThread(ABC):
    """A thread that makes calls, one at a time. The attributes belong to the event loop's thread."""

    def __init__(self) -> None:
        self.call: SyncCall | None = None
        """The call that it is making, or has made and not reported yet."""
        self.timer: asyncio.TimerHandle | None = None
        """When the time limit of that call is over."""
        self.replaced = False
        """Its call cannot be interrupted, and is no longer waited for."""

    @abstractmethod
    def start(self, call: SyncCall) -> None:
        """Begin with ``call``; its end is reported to `Host.ended`."""

    @abstractmethod
    def interrupt(self, call: SyncCall) -> None:
        """Raise `TimeLimitExceeded` in the thread if it is still inside ``call``."""

    @abstractmethod
    def end(self) -> None:
        """Take no more calls."""


class Host(Protocol):
    """What the threads need of the runner."""

    def perform_waiting(self) -> None:
        """Make the calls that wait, on the script's thread, while nobody runs the event loop."""

    def moved(self, began: float) -> None:
        """The script's thread is inside a call that began then; from now on the deputy runs the loop."""

    def ended(self, thread: CallThread, call: SyncCall) -> None:
        """``thread`` has made ``call``; on the event loop."""


class ExtraThread(CallThread):
    """A thread for calls that the script's thread cannot make."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        super().__init__()
        self._loop = loop
        self._host = host
        self._jobs: queue.SimpleQueue[SyncCall | None] = queue.SimpleQueue()
        self._inside: SyncCall | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="mlmagic-run", daemon=True)
        self._thread.start()

    def start(self, call: SyncCall) -> None:
        self.call = call
        self._jobs.put(call)

    def end(self) -> None:
        self._jobs.put(None)

    def interrupt(self, call: SyncCall) -> None:
        with self._lock:
            if self._inside is call and self._thread.ident:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(TimeLimitExceeded)
                )

    def _work(self) -> None:
        call: SyncCall | None = None
        while True:
            # The interruption of a call may arrive a moment after its end. Whatever it hits is done again;
            # `ended` may be called twice.
            try:
                if call is not None:
                    self._loop.call_soon_threadsafe(self._host.ended, self, call)
                call = self._jobs.get()
                if call is None:
                    return
                self._perform(call)
            except TimeLimitExceeded:
                continue
            except RuntimeError:  # the loop is closed: the server has ended
                return

    def _perform(self, call: SyncCall) -> None:
        self._inside = call
        try:
            call.perform()
        finally:
            with self._lock:
                self._inside = None
