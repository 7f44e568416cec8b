"""The script's thread: it imports the script, calls init(), and makes every call of a plain run().

Scripts and libraries keep state per thread: sqlite3 connections, `sklearn.set_config`, contexts of decimal
and numpy, `threading.local`. Some need the main thread (signals), others a thread without a running event
loop (`asyncio.run`). So one thread, the main thread of the process, does all of it, without a loop meanwhile.

To hand each call to another thread would cost more than a small model takes. So the script's thread also runs
the event loop, between the calls. When a call takes longer than `PATIENCE_S`, a second thread, the deputy,
runs the loop until the script's thread is idle again. Health, time limits and other connections go on.

Calls that are made elsewhere:

* ``async def run`` and async generators run in the event loop: on the script's thread, but on the deputy
  while the script's thread reloads a changed script.
* Where several calls may run at a time (``replica_max_concurrent_requests``), those that begin while the
  script's thread is busy run on extra threads.
* A call that exceeds its time limit and cannot be interrupted keeps the script's thread. Until it ends,
  an extra thread makes the calls.
"""

from __future__ import annotations

import asyncio
import queue
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from time import perf_counter
from types import FrameType
from typing import Any, TypeVar

from mlmagic.scoring.calls.call_queue import TimeLimitExceeded
from mlmagic.scoring.calls.call_thread import CallThread, Host, SyncCall

PATIENCE_S = 0.05
"""A call that takes longer has the event loop moved to the deputy."""
SHARED_PATIENCE_S = 0.005
"""The same where extra threads make calls meanwhile, and need the loop."""
RUNS_NO_LOOP_S = 0.00005
"""Calls that take less have not run an event loop of their own."""
LONGEST_PAUSE_S = 0.4
"""While all calls are quick, the deputy looks less often, but at least once in this time: each look may cost
the script's thread the interpreter lock, and on a busy machine some milliseconds until it has it back."""
ACCEPTING_S = 0.002
"""So long new connections are accepted between calls. The loop accepts one in each turn, and has but one turn
between two calls: where calls take long, crowds would wait unseen, beyond any limit to their wait."""
INTERRUPT = getattr(signal, "SIGURG", None)
"""Interrupts the main thread, in system calls too. By default it does nothing, and scripts do not use it."""

T = TypeVar("T")


class ScriptThread(CallThread):
    """The thread that calls `run`: it runs the event loop and, between its turns, the calls of ``host``."""

    host: Host

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.patience_s = PATIENCE_S
        self.away = False
        """The deputy runs the loop, or is about to."""
        self.leaving = False
        """The loop is about to be left."""
        self.has_accepted = False
        """The loop has accepted a connection; more may be waiting."""
        self.after_calls: Callable[[], object] = bool
        """Called before the loop goes on after calls that may have run an event loop of their own."""
        self._lock = threading.Lock()
        """Guards what the deputy decides by: all below."""
        self._inside: SyncCall | None = None
        self._began = 0.0
        self._count = 0
        """Calls that have begun."""
        self._asleep = True
        self._closed = False
        self._wake = threading.Semaphore(0)
        self._deputy: threading.Thread | None = None
        self._jobs: queue.SimpleQueue[SyncCall | None] = queue.SimpleQueue()
        """Calls to make while the loop is away; None is the loop's return."""
        self._overdue: SyncCall | None = None
        self._ident = 0
        self._main_done: Callable[[], bool] = bool

    # ---- on the script's thread -----------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the event loop, and the calls, until ``main`` is done; its result."""
        self._ident = threading.get_ident()
        if INTERRUPT is not None and threading.current_thread() is threading.main_thread():
            signal.signal(INTERRUPT, self._on_interrupt)
        task = self.loop.create_task(main)
        self._main_done = task.done
        task.add_done_callback(lambda _: self.loop.stop())
        while not task.done():
            began = perf_counter()
            self.host.perform_waiting()
            if self.away:
                self._work_away()
            else:
                if perf_counter() - began > RUNS_NO_LOOP_S:
                    self.after_calls()
                self.loop.run_forever()
                self._accept_more()
                self.leaving = False
        return task.result()

    def _accept_more(self) -> None:
        until = perf_counter() + ACCEPTING_S if self.has_accepted else 0.0
        while self.has_accepted and not self._main_done() and perf_counter() < until:
            self.has_accepted = False
            self.loop.stop()  # after one turn
            self.loop.run_forever()

    def perform(self, call: SyncCall, began: float) -> bool:
        """Make ``call``; False if the event loop has moved meanwhile: then the end was reported to it."""
        try:
            with self._lock:
                self._inside = call
                self._began = began
                self._count += 1
                if self._asleep:
                    self._wake_deputy()
            call.perform()
            home = self._end()
        except TimeLimitExceeded:  # whenever it comes, it is over
            home = self._end()
        if not home:
            self._report(call)
        return home

    def _end(self) -> bool:
        with self._lock:
            self._inside = None
            return not self.away

    def _wake_deputy(self) -> None:
        self._asleep = False
        self._wake.release()
        if self._deputy is None:
            self._deputy = threading.Thread(target=self._deputize, name="mlmagic-loop", daemon=True)
            self._deputy.start()

    def _report(self, call: SyncCall) -> None:
        try:
            self.loop.call_soon_threadsafe(self.host.ended, self, call)
        except RuntimeError:  # the loop is closed: the server has ended
            return

    def _work_away(self) -> None:
        while (call := self._jobs.get()) is not None:
            self.perform(call, perf_counter())
        self.away = self.leaving = False

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        overdue, self._overdue = self._overdue, None
        if overdue is not None and overdue is self._inside:
            raise TimeLimitExceeded

    # ---- on the event loop ----------------------------------------------------------------------

    def leave_loop(self) -> None:
        """Leave the loop after this turn: calls wait, or the script's thread is to run it again."""
        if not self.leaving:
            self.leaving = True
            self.loop.stop()

    def start(self, call: SyncCall) -> None:
        self.call = call
        self._jobs.put(call)

    def interrupt(self, call: SyncCall) -> None:
        if INTERRUPT is None or self._ident != threading.main_thread().ident:
            return
        self._overdue = call
        signal.pthread_kill(self._ident, INTERRUPT)

    def end(self) -> None:
        """It stays: it takes calls again when its call has ended."""

    def close(self) -> None:
        """Interrupt what is still running, and let the deputy end."""
        if self.call is not None:
            self.interrupt(self.call)
        with self._lock:
            self._closed = True
            if self._asleep:
                self._asleep = False
                self._wake.release()

    # ---- on the deputy --------------------------------------------------------------------------

    def _deputize(self) -> None:
        """Sleep while no calls begin; else look now and then whether one takes long."""
        while True:
            self._wake.acquire()
            seen, pause_s = -1, self.patience_s
            while (now := self._watched(seen)) is not None:
                seen = now
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                if self._take_loop():
                    pause_s = self.patience_s
                    try:
                        # A stop that was requested before the loop moved here does not count.
                        while not self.leaving and not self._main_done():
                            self.loop.run_forever()
                    finally:
                        self._jobs.put(None)
            if self._closed:
                return

    def _watched(self, seen: int) -> int | None:
        """The number of calls so far; None, and `_asleep`, if none has begun since there were ``seen``."""
        with self._lock:
            if self._closed and self._inside is None:
                return None
            if self._inside is None and self._count == seen:
                self._asleep = True
                return None
            return self._count

    def _take_loop(self) -> bool:
        """Whether a call has taken so long that the loop is to run here."""
        with self._lock:
            if self._inside is None or self.away or perf_counter() - self._began < self.patience_s:
                return False
            self.away, self.leaving = True, False
            self.call = self._inside
            self.loop.call_soon(self.host.moved, self._began)  # before its end can be reported
            return True
