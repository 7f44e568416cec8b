"""What a live card shows and does, for every front: its updates from the state watcher, and its calls."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from traitlets import List, Unicode

from mlmagic.core.events import service_subject
from mlmagic.core.traffic_history import PERIOD_SECONDS
from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.watcher import View
from mlmagic.errors import MLMagicError, UsageError
from mlmagic.visible_text import visible
from mlmagic.widgets import drift
from mlmagic.widgets.alerts import alert_rows, card_line
from mlmagic.widgets.background import reader
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.service_card.actions import Actions, Captured, no_script, offered
from mlmagic.widgets.service_card.log import READ_LINES, last_failure
from mlmagic.widgets.service_card.request import answered
from mlmagic.widgets.service_card.state import EVENTS_SHOWN, ServiceState, details, points, revision_row

_MOST_EVENTS = 10 * EVENTS_SHOWN


class LiveService(ServiceState):
    """The content of one service's live card. `close_card` or the service's deletion stops its updates.

    ``captured`` returns the script that an update would use. The log is read while the page shows it.
    """

    offered = List().tag(sync=True)
    """The actions that the state allows."""
    doing = Unicode().tag(sync=True)
    """The action that is running; empty without one."""
    told = Unicode().tag(sync=True)
    """The result message of the last action."""
    authentication = Unicode().tag(sync=True)
    """``key`` or ``token``; empty for a service that everybody may call."""

    def __init__(self, engine: Engine, service: Webservice, captured: Captured = no_script) -> None:
        super().__init__()
        self._engine = engine
        self.workspace = engine.location.key
        self._seen: Webservice | None = None
        self._log_followers = 0
        self._log_mark: Any = None
        self._history_read = -math.inf
        self._scales = engine.replicas.can_scale(service)
        self.actions = Actions(engine, service, captured)
        self.actions.work.observe(self._show_work, ["doing", "told"])
        self.answers: Answers = self._answers()
        self.begin(service)
        self._beginning = threading.Lock()
        with self._beginning:  # so that events arrive in order and none is lost
            self._leave: Callable[[], None] = engine.watcher.watch(self._look)
            self.note(engine.events.newest(_MOST_EVENTS, self.name), time.time())
            self._show_record(service)

    def _answers(self) -> Answers:
        actions, requests = self.actions, self._engine.requests
        return {
            "restart": lambda _: actions.restart(),
            "stop": lambda _: actions.stop(),
            "start": lambda _: actions.start(),
            "delete": lambda _: actions.delete(),
            "scale": lambda values: actions.scale(values.get("replicas")),
            "set_traffic": lambda values: self._set_traffic(values.get("percents")),
            "find_update": lambda _: visible(actions.find_update()),
            "update": lambda _: actions.update(),
            "revisions": lambda _: self._revisions(),
            "rollback": lambda values: actions.rollback(values.get("revision")),
            "sample": lambda _: requests.sample(self.name),
            "send": lambda values: answered(requests.send(self.name, str(values.get("body", "")).encode())),
            "key": lambda values: self._key(values.get("which")),
            "follow_log": lambda values: self._follow_log(bool(values.get("follow"))),
        }

    def close_card(self) -> None:
        """Stop the updates; the last content stays."""
        self._leave()

    def together(self) -> AbstractContextManager[Any]:
        """The changes of the block reach the component in one piece."""
        return nullcontext()

    def _key(self, which: object) -> str:
        """A key, which is sent as the answer to a call: a trait would be saved with the notebook."""
        primary, secondary = self._engine.keys.get(self.name)
        if which not in ("Primary", "Secondary"):
            raise UsageError(f"unknown key {which!r}", hint="Use Primary or Secondary.")
        return primary if which == "Primary" else secondary

    def _set_traffic(self, percents: object) -> None:
        """The shares of an endpoint's versions."""
        if not isinstance(percents, dict):
            raise UsageError("no shares are given", hint="Give a percentage to each version.")
        self.show(self._engine.traffic.set(self.name, {str(k): float(v) for k, v in percents.items()}))

    def _look(self, view: View) -> None:
        """Called in the event bus's thread: sets traits, nothing else."""
        with self._beginning:
            self._take(view)

    def _take(self, view: View) -> None:
        service = view.services.get(self.name)
        if service is None or service.id != self.id:
            self.end()
            self.offered = []
            self.close_card()
            return
        self._show_record(service)
        subject = service_subject(self.name)
        self.note([event for event in view.news if event.subject == subject], time.time())
        self.alerts = alert_rows(each for each in view.alerts if each.service_id == self.id)
        now = time.monotonic()
        if now - self._history_read >= PERIOD_SECONDS:
            self._history_read = now
            reader.soon((self, "history"), self._read_history)
            reader.soon((self, "monitoring"), self._read_monitoring)

    def _show_record(self, service: Webservice) -> None:
        if service is not self._seen:
            if raised_errors(self._seen, service):
                reader.soon((self, "failure"), self._read_failure)
            if self._seen is None or service.revision != self._seen.revision:
                reader.soon((self, "authentication"), self._read_authentication)
            self._seen = service
            with self.together():
                self.show(service)
                self.offered = offered(service.state, scales=self._scales, updates=service.endpoint is None)
        if self._log_followers:
            mark = self._engine.services.log_mark(service)
            if mark != self._log_mark:
                self._log_mark = mark
                reader.soon((self, "log"), self._read_log)

    def _show_work(self, _change: Any = None) -> None:
        work = self.actions.work
        self.doing, self.told = work.doing, visible(work.told)

    def _follow_log(self, follow: bool) -> None:
        # The same card may be shown more than once; a page that is reloaded goes without a word.
        self._log_followers = self._log_followers + 1 if follow else max(0, self._log_followers - 1)
        self._log_mark = None
        if follow:
            self._read_log()

    def _read_failure(self) -> None:
        with suppress(MLMagicError):  # it may have gone meanwhile
            failure = last_failure(self._engine.services.logs(self.name, tail=READ_LINES))
            self.failure = visible(failure) or self.failure

    def _read_log(self) -> None:
        if self.gone:
            return
        try:
            self.log_text = visible("\n".join(self._engine.services.logs(self.name, tail=READ_LINES)))
        except MLMagicError as error:
            self.log_text = str(error)

    def _read_history(self) -> None:
        with suppress(MLMagicError):
            self.history = points(self._engine.services.traffic_history(self.name))

    def _read_monitoring(self) -> None:
        with suppress(MLMagicError):
            service = self._engine.services.get(self.name)
            report = self._engine.drift.last(service)
            self._drift = drift.card_line(report, self._engine.schedules.of_drift(self.name))
            self._rules = card_line(self._engine.alerts.status(service=self.name))
            self.details = details(service, self._drift, self._rules)

    def _revisions(self) -> list[dict[str, Any]]:
        return [revision_row(each, self.revision) for each in self._engine.services.revisions(self.name)]

    def _read_authentication(self) -> None:
        with suppress(MLMagicError):
            config = self._engine.services.revision(self._engine.services.get(self.name)).config
            self.authentication = (
                "key" if config.auth_enabled else "token" if config.token_auth_enabled else ""
            )


def raised_errors(before: Webservice | None, now: Webservice) -> bool:
    """Whether more requests have failed than before; a restarted server counts from zero."""
    failed = now.stats.get("errors", 0)
    return bool(failed) and (before is None or failed != before.stats.get("errors", 0))
