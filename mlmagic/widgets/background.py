"""What cards do away from the cell's thread and the bus's: a button's work, and reading for all cards.

Threads set traits and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from traitlets import HasTraits, Unicode

from mlmagic.errors import MLMagicError

log = logging.getLogger(__name__)


class Work(HasTraits):
    """One thing at a time, in a thread of its own."""

    doing = Unicode()
    """What is being done, in words; empty when nothing is."""
    told = Unicode()
    """What came of the last."""

    def run(self, doing: str, job: Callable[[], str]) -> None:
        """Start ``job``, which returns what to tell; a failure is told with its reason."""
        if self.doing:
            return
        self.told, self.doing = "", doing
        threading.Thread(target=self._run, args=(doing, job), name="mlmagic-card", daemon=True).start()

    def _run(self, doing: str, job: Callable[[], str]) -> None:
        try:
            told = job()
        except MLMagicError as error:
            told = f"{doing} failed: {error}"
        except Exception as error:
            log.exception("%s failed", doing)
            told = f"{doing} failed: {type(error).__name__}: {error}"
        self.told, self.doing = told, ""


class Reader:
    """One thread for all cards, so that a slow log keeps neither the bus nor the notebook waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Hashable] = set()
        self._pool: ThreadPoolExecutor | None = None

    def soon(self, key: Hashable, job: Callable[[], None]) -> None:
        """Do ``job``; one of the same ``key`` that has not begun yet does for both."""
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="mlmagic-cards")
            self._pool.submit(self._do, key, job)

    def _do(self, key: Hashable, job: Callable[[], None]) -> None:
        with self._lock:
            self._waiting.discard(key)
        try:
            job()
        except Exception:  # one card's fault is not another's
            log.exception("a card could not read what it shows")


reader = Reader()
