"""What every live table has: its rows, its workspace, and a beat; its class reads the rows."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from traitlets import List, Unicode

from mlmagic.core.events import Event
from mlmagic.engine.engine import Engine
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.service_card.state import BEAT_SECONDS, Beating


class LiveTable(Beating):
    """The rows of a table. `close_table` stops the updates; the last content stays.

    They are read after each event of the workspace. What makes no events is read with each beat, too:
    ``polls`` says so.
    """

    workspace_name = Unicode().tag(sync=True)
    rows = List().tag(sync=True)
    """Each with an ``id`` and a ``name``; see `mlmagic/widgets/static/grid.js`."""
    polls = False

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.workspace = engine.location.key
        self.workspace_name = engine.location.name
        self.answers: Answers = self.calls()
        self._leave: Callable[[], None] = engine.bus.subscribe(self._hear)
        self._read()

    @abstractmethod
    def read(self) -> list[dict[str, Any]]:
        """The rows now."""

    @abstractmethod
    def calls(self) -> Answers:
        """What the page may ask for."""

    def close_table(self) -> None:
        """Stop the updates."""
        self._leave()

    def _hear(self, news: Sequence[Event]) -> None:
        """Called in the event bus's thread; any event may have added or removed a row, or who uses it."""
        if news or (self.polls and time.time() - self.beat >= BEAT_SECONDS):
            self._read()
        self.keep_beat(time.time())

    def _read(self) -> None:
        self.rows = self.read()
        self.beat = time.time()
