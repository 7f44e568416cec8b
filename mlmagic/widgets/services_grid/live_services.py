"""What the table of services shows, for every front: a row for each service, from the state watcher."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from traitlets import List, Unicode

from mlmagic.core.alert import Alert, AlertState
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.watcher import View
from mlmagic.visible_text import visible
from mlmagic.widgets import cards, figures
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.service_card.state import Beating

PAUSE_SECONDS = 0.5
"""Rows are sent this often at most: a busy workspace changes many times a second."""


class LiveServices(Beating):
    """The rows of a workspace's services. `close_table` stops the updates; the last content stays."""

    workspace_name = Unicode().tag(sync=True)
    rows = List().tag(sync=True)
    """A `row` for each service, by name."""

    def __init__(self, engine: Engine, services: Iterable[Webservice]) -> None:
        super().__init__()
        self.workspace = engine.location.key
        self.workspace_name = engine.location.name
        self.answers: Answers = {"script": lambda values: captured_script(engine, str(values.get("service")))}
        self._drawing = threading.Lock()
        self._drawn = -math.inf
        with self._drawing:
            self._leave: Callable[[], None] = engine.watcher.watch(self._look)
            self._show(services, ())

    def close_table(self) -> None:
        self._leave()

    def _look(self, view: View) -> None:
        """Called in the event bus's thread: sets traits, nothing else."""
        with self._drawing:
            if (
                time.monotonic() - self._drawn >= PAUSE_SECONDS
            ):  # if not, the next view is a second away at most
                self._show(view.services.values(), view.alerts)

    def _show(self, services: Iterable[Webservice], alerts: Iterable[Alert]) -> None:
        self._drawn = time.monotonic()
        firing: dict[str, list[str]] = {}
        for alert in alerts:
            if alert.state is AlertState.FIRING:
                firing.setdefault(alert.service_id, []).append(alert.rule)
        rows = (row(each, firing.get(each.id, ())) for each in services)
        self.rows = sorted(rows, key=lambda each: str(each["name"]))
        self.keep_beat(time.time())


def captured_script(engine: Engine, name: str) -> dict[str, str]:
    """The captured script that a service shall serve: the ``name`` of the capture, empty if it is a file's
    or was generated, and its ``text``."""
    revision = engine.services.revision(engine.services.get(name))
    captured_as = revision.inference.captured_as
    return {"name": captured_as, "text": engine.scripts.text_of(revision)} if captured_as else {"name": ""}


def row(service: Webservice, firing: Sequence[str] = ()) -> dict[str, Any]:
    """A service as a row: texts, and for each figure its text and the number to sort by (None if unknown).

    ``firing`` are the names of the rules whose alerts fire.
    """
    stats, words = service.stats, visible(cards.status(service))
    has_address = service.scoring_uri and service.state is not State.FAILED
    return {
        "name": service.name,
        "id": service.id,
        "state": str(service.state),
        "words": words if words.lower() != service.state.lower() else "",
        "alerts": list(firing),
        "endpoint": service.scoring_uri if has_address else "",
        "models": visible(", ".join(service.models)),
        "target": service.target,
        "changed": service.updated_time,
        "revision": service.revision,
        "traffic": [figures.per_second(stats), stats.get("requests_per_second")],
        "latency": [figures.latency(stats), stats.get("p99_ms") if stats.get("requests") else None],
        "errors": [figures.errors(stats), stats.get("errors")],
        "cpu": [figures.cpu(stats), stats.get("cpu_cores")],
        "memory": [figures.memory(stats), stats.get("memory_bytes")],
    }
