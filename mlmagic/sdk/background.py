"""Work that goes on while the caller does: begun by a method that returns at once, waited for by another."""

from __future__ import annotations

import threading
from collections.abc import Callable

_POLL_SECONDS = 0.2


class Background:
    """A thread, and what it raised. ``work`` is given this, to say when it has begun."""

    def __init__(self, work: Callable[[Background], None], name: str) -> None:
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Called by the work when all that can be known beforehand was found right."""
        self._begun.set()

    def wait_for_begin(self) -> None:
        """Return when it has begun; raises what was found wrong before."""
        self._begun.wait()
        if not self.running:
            self._raise()

    def wait(self, words: Callable[[], str] | None = None) -> None:
        """Return when it is done; prints ``words`` whenever they change. Raises what it raised."""
        shown = ""
        while self.running:
            self._thread.join(_POLL_SECONDS)
            if words is not None and words() not in ("", shown):
                shown = words()
                print(shown)
        self._raise()

    def _run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:
            self._error = error
        finally:
            self._begun.set()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
