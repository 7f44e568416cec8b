"""Background threads of cards: one for a button's action, one that reads logs and samples for all cards.

The threads set traits and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from traitlets import HasTraits, Unicode

from mlmagic.errors import MLMagicError

log = logging.getLogger(__name__)


def reported(doing: str, error: Exception) -> str:
    """The message of an exception, for people; one that is not ours is also logged."""
    if isinstance(error, MLMagicError):
        return str(error)
    log.error("%s failed", doing, exc_info=error)
    return f"{type(error).__name__}: {error}"


class Work(HasTraits):
    """Runs one job at a time in a background thread."""

    doing = Unicode()
    """The name of the running job; empty if none runs."""
    told = Unicode()
    """The result message of the last job."""

    def run(self, doing: str, job: Callable[[], str]) -> None:
        """Start ``job``, which returns a result message; an exception becomes an error message."""
        if self.doing:
            return
        self.told, self.doing = "", doing
        threading.Thread(target=self._run, args=(doing, job), name="mlmagic-card", daemon=True).start()

    def _run(self, doing: str, job: Callable[[], str]) -> None:
        try:
            told = job()
        except Exception as error:
            told = f"{doing} failed: {reported(doing, error)}"
        self.told, self.doing = told, ""


class Reader:
    """One thread that reads for all cards, so that a slow log blocks neither event bus nor notebook."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Hashable] = set()
        self._pool: ThreadPoolExecutor | None = None

    def soon(self, key: Hashable, job: Callable[[], None]) -> None:
        """Queue ``job``, unless one with the same ``key`` is already queued."""
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
        except Exception:  # a failure in one card must not stop the others
            log.exception("a card could not read what it shows")


reader = Reader()
