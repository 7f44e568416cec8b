"""Work in a thread: one method starts it and returns at once, another waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Protocol, Self, TypeVar

from mlmagic.errors import MLMagicError
from mlmagic.sdk.workspace_base import WorkspaceBase

_POLL_SECONDS = 0.2


class Background:
    """A thread, and what it raised. ``work`` gets this object and calls its `begin`."""

    def __init__(self, work: Callable[[Background], None], name: str) -> None:
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the work is in progress."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Called by the work after all checks, when only the work itself can still fail."""
        self._begun.set()

    def wait_for_begin(self) -> None:
        """Wait until the work has begun; raises what its checks raised."""
        self._begun.wait()
        if not self.running:
            self._raise()

    def wait(self, message: Callable[[], str] | None = None) -> None:
        """Wait until the work has ended; prints ``message`` when it changes. Raises what the work raised."""
        shown = ""
        while self.running:
            self._thread.join(_POLL_SECONDS)
            if message is not None and message() not in ("", shown):
                shown = message()
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


class Record(Protocol):
    """A frozen dataclass with a name, a state and an error."""

    @property
    def name(self) -> str:
        """The name in the workspace."""

    @property
    def state(self) -> Any:
        """The state, as text."""


R = TypeVar("R", bound=Record)


class BackgroundRecord(Generic[R]):
    """A record of the workspace (a profile, a package) that a thread of this process may be working on."""

    workspace: WorkspaceBase
    _record: R
    _work: Background | None

    @classmethod
    def of(cls, workspace: WorkspaceBase, record: R) -> Self:
        """The object for a record."""
        made = cls.__new__(cls)
        made._open(workspace, record)
        return made

    @property
    def name(self) -> str:
        """The name in the workspace."""
        return self._record.name

    @property
    def state(self) -> str:
        """NotStarted, Running, Succeeded, Failed or Canceled."""
        return str(self._record.state)

    def _open(self, workspace: WorkspaceBase, record: R) -> None:
        self.workspace, self._record, self._work = workspace, record, None

    def _begin(self, name: str, work: Callable[[Background], R], failed: Any) -> None:
        """Start ``work``, which returns the finished record; an error sets the state to ``failed``."""

        def run(background: Background) -> None:
            try:
                self._record = work(background)
            except MLMagicError as error:
                self._record = replace(self._record, state=failed, error=str(error))  # type: ignore[type-var]
                raise

        self._work = Background(run, name)
        self._work.wait_for_begin()

    def _wait(self, message: Callable[[], str] | None) -> None:
        if self._work is not None:
            self._work.wait(message)
