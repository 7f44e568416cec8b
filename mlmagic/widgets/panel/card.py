"""The live card of a service: its panes, and their updates from the state watcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ipywidgets as widgets

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.watcher import View
from mlmagic.errors import MLMagicError
from mlmagic.widgets.background import reader
from mlmagic.widgets.panel.actions import Actions, Captured, no_script
from mlmagic.widgets.panel.keys import KeysPane
from mlmagic.widgets.panel.log import READ_LINES, LogPane, last_failure
from mlmagic.widgets.panel.panes import ErrorPane, EventsPane, MetricsPane, StatusPane
from mlmagic.widgets.panel.request import RequestPane
from mlmagic.widgets.panel.state import TRANSITIONS, ServiceState

_MOST_EVENTS = 10 * TRANSITIONS


class ServicePanel(widgets.VBox):
    """The live card of one service. `close_panel` or the service's deletion stops its updates.

    ``captured`` returns the script that an update would use. Rarely used sections are created when they
    are first opened, so that many cards cost little.
    """

    def __init__(self, engine: Engine, service: Webservice, captured: Captured = no_script) -> None:
        self._engine, self._name, self._id = engine, service.name, service.id
        self._seen: Webservice | None = service
        self.model = ServiceState(service)
        self.actions = Actions(engine, service, self.model, captured)
        self.log_pane = LogPane(self._name, self.model, self._read_log)
        self._made: dict[str, Any] = {"Log": self.log_pane}
        self._sections = widgets.VBox([self.log_pane])
        self._switches = {
            section: widgets.Checkbox(
                section == "Log",
                description=section,
                tooltip=f"{section}: {self._name}",
                indent=False,
                layout={"width": "auto"},
            )
            for section in ("Log", "Events", "Try it", "Show keys")
        }
        for switch in self._switches.values():
            switch.observe(self._show_sections, "value")
        figures = widgets.HBox(
            [StatusPane(self._name, self.model), MetricsPane(self._name, self.model)],
            layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 14px"},
        )
        switches = widgets.HBox(
            [*self._switches.values()], layout={"flex_flow": "row wrap", "grid_gap": "0 14px"}
        )
        error = ErrorPane(self._name, self.model)
        super().__init__([figures, error, self.actions, switches, self._sections])
        self._beginning = threading.Lock()
        with self._beginning:  # so that events arrive in order and none is lost
            self._leave: Callable[[], None] = engine.watcher.watch(self._look)
            self.model.note(engine.events.newest(_MOST_EVENTS, self._name), time.time())
        self.log_pane.look(engine.services.log_mark(service))

    def section(self, name: str) -> Any:
        """Open a section, as its checkbox does: Log, Events, Try it, Show keys. Returns its pane."""
        self._switches[name].value = True
        return self._made[name]

    def close_panel(self) -> None:
        """Stop the updates and hide the keys; the rest of the last content stays."""
        self._leave()
        self._switches["Show keys"].value = False

    def __repr__(self) -> str:
        # Shown in a saved notebook, below the static card.
        return f"{self._name}: live panel (it needs a running kernel)"

    def _look(self, view: View) -> None:
        """Called in the event bus's thread: sets traits, nothing else."""
        with self._beginning:
            self._take(view)

    def _take(self, view: View) -> None:
        service = view.services.get(self._name)
        if service is None or service.id != self._id:
            self.model.end()
            self.close_panel()
            return
        if service is not self._seen:
            if raised_errors(self._seen, service):
                reader.soon((self, "failure"), self._read_failure)
            self._seen = service
            self.model.show(service)
        subject = service_subject(self._name)
        mine = [event for event in view.news if event.subject == subject]
        self.model.note(mine, time.time())
        if self._switches["Log"].value:
            self.log_pane.look(self._engine.services.log_mark(service))
        if self._switches["Show keys"].value and any(each.kind is EventKind.KEY_CHANGED for each in mine):
            reader.soon((self, "keys"), self._reveal_keys)

    def _read_failure(self) -> None:
        with suppress(MLMagicError):  # it may have gone meanwhile
            failure = last_failure(self._engine.services.logs(self._name, tail=READ_LINES))
            self.model.failure = failure or self.model.failure

    def _read_log(self) -> None:
        reader.soon((self, "log"), self._read_log_now)

    def _read_log_now(self) -> None:
        if self.model.gone:
            return
        try:
            self.model.log = "\n".join(self._engine.services.logs(self._name, tail=READ_LINES))
        except MLMagicError as error:
            self.model.log = str(error)

    def _reveal_keys(self) -> None:
        if self._switches["Show keys"].value:
            self._made["Show keys"].reveal()

    def _show_sections(self, _change: Any) -> None:
        opened = [section for section, switch in self._switches.items() if switch.value]
        for section in opened:
            if section not in self._made:
                self._made[section] = self._make(section)
        self._sections.children = tuple(self._made[section] for section in opened)
        keys = self._made.get("Show keys")
        if keys is not None:
            keys.reveal() if "Show keys" in opened else keys.conceal()

    def _make(self, section: str) -> Any:
        if section == "Events":
            return EventsPane(self._name, self.model)
        if section == "Try it":
            return RequestPane(self._engine, self._name, self.model)
        return KeysPane(self._engine, self._name)


def raised_errors(before: Webservice | None, now: Webservice) -> bool:
    """Whether more requests have failed than before; a restarted server counts from zero."""
    failed = now.stats.get("errors", 0)
    return bool(failed) and (before is None or failed != before.stats.get("errors", 0))
