"""The buttons of a card: the actions that the service's state allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.renewal import Renewal
from mlmagic.core.webservice import UNDER_WAY, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.replicas import MOST_REPLICAS
from mlmagic.errors import NotFound
from mlmagic.widgets import html
from mlmagic.widgets.background import Work
from mlmagic.widgets.panel.state import ServiceState

Captured = Callable[[Webservice], tuple[InferenceConfig, str] | None]
"""Returns the script captured for a service in this notebook, with its description; None without one."""

_SERVING = frozenset({State.HEALTHY, State.UNHEALTHY})
_AT_REST = frozenset({State.STOPPED, State.FAILED})
_OFFERED: Mapping[str, frozenset[State]] = {
    "update": frozenset(State),
    "restart": _SERVING,
    "stop": _SERVING | UNDER_WAY,
    "start": _AT_REST,
    "scale": _SERVING,
    "delete": frozenset(State),
}


def offered(state: State | str, *, gone: bool = False, busy: bool = False) -> frozenset[str]:
    """The actions that a service in this state allows; none if it is deleted or an action is running."""
    if gone or busy:
        return frozenset()
    return frozenset(verb for verb, states in _OFFERED.items() if state in states)


def no_script(_service: Webservice) -> None:
    """A `Captured` without a script."""


class Confirmation(widgets.HBox):
    """A question with two buttons; empty while there is no question."""

    def __init__(self) -> None:
        self.question = widgets.HTML()
        self.yes = widgets.Button()
        self.no = widgets.Button(description="Cancel")
        self._do: Callable[[], None] | None = None
        super().__init__()
        self.yes.on_click(self._answered)
        self.no.on_click(lambda _button: self.clear())

    def ask(self, question: str, yes: str, tooltip: str, do: Callable[[], None]) -> None:
        """Show ``question``; the button ``yes`` calls ``do``."""
        self._do = do
        self.question.value = html.told(question)
        self.yes.description, self.yes.tooltip, self.no.tooltip = yes, tooltip, f"Do not {tooltip.lower()}"
        self._show(self.question, self.yes, self.no)

    def clear(self) -> None:
        """Remove the question."""
        self._do = None
        self._show()

    def _show(self, *children: Any) -> None:
        self.children = children

    def _answered(self, _button: Any) -> None:
        do = self._do
        self.clear()
        if do is not None:
            do()


class Actions(widgets.VBox):
    """The action buttons. They are disabled, never removed, so that keyboard focus keeps its order."""

    def __init__(
        self, engine: Engine, service: Webservice, model: ServiceState, captured: Captured = no_script
    ) -> None:
        self._engine, self._name, self._id = engine, service.name, service.id
        self._model, self._captured = model, captured
        self.work = Work()
        self.confirmation = Confirmation()
        self.told = widgets.HTML()
        verbs: dict[str, Callable[[], None]] = {
            "update": self._look_for_newer,
            "restart": lambda: self._run("Restart", lambda: engine.services.restart(self._name)),
            "stop": lambda: self._run("Stop", lambda: engine.services.stop(self._name)),
            "start": lambda: self._run("Start", lambda: engine.services.start(self._name)),
            "scale": self._scale,
            "delete": self._ask_to_delete,
        }
        if not engine.replicas.can_scale(service):
            del verbs["scale"]
        self.buttons = {
            verb: widgets.Button(
                description=verb.capitalize(),
                tooltip=f"{verb.capitalize()} {self._name}",
                layout={"width": "auto"},
            )
            for verb in verbs
        }
        for verb, button in self.buttons.items():
            button.on_click(lambda _button, do=verbs[verb]: do())
        self.replicas = widgets.BoundedIntText(
            1,
            1,
            MOST_REPLICAS,
            description="Replicas",
            tooltip=f"Number of replicas of {self._name}",
            layout={"width": "150px"},
        )
        row: list[Any] = []
        for verb, button in self.buttons.items():
            row += [self.replicas, button] if verb == "scale" else [button]
        super().__init__([widgets.HBox(row, layout={"flex_flow": "row wrap"}), self.confirmation, self.told])
        model.observe(self._enable, ["state", "gone"])
        self.work.observe(self._enable, "doing")
        self.work.observe(self._tell, ["doing", "told"])
        self._enable()

    def _enable(self, _change: Any = None) -> None:
        busy = bool(self.work.doing)
        possible = offered(self._model.state, gone=self._model.gone, busy=busy)
        for verb, button in self.buttons.items():
            button.disabled = verb not in possible
        self.replicas.disabled = "scale" not in possible
        self.confirmation.yes.disabled = busy
        if self._model.gone:
            self.confirmation.clear()

    def _tell(self, _change: Any) -> None:
        self.told.value = html.told(f"{self.work.doing} ..." if self.work.doing else self.work.told)

    def _run(self, doing: str, verb: Callable[[], Any], done: str = "") -> None:
        def job() -> str:
            self._check_same()
            verb()
            return done

        self.confirmation.clear()
        self.work.run(f"{doing} of {self._name}", job)

    def _check_same(self) -> Webservice:
        """The record; raises `NotFound` if another service has its name now."""
        service = self._engine.services.get(self._name)
        if service.id != self._id:
            raise NotFound(
                "service", self._name, hint="Another service now has this name. List services with: %services"
            )
        return service

    def _scale(self) -> None:
        replicas = self.replicas.value
        done = f"Scaling to {html.count(replicas, 'replica')}."
        self._run("Scale", lambda: self._engine.replicas.set(self._name, replicas), done)

    def _ask_to_delete(self) -> None:
        self.confirmation.ask(
            f"Delete {self._name}? This stops it and deletes its revisions and its log. Models are kept.",
            "Delete permanently",
            f"Permanently delete {self._name}",
            lambda: self._run("Deletion", lambda: self._engine.services.delete(self._name)),
        )

    def _look_for_newer(self) -> None:
        def job() -> str:
            service = self._check_same()
            inference, words = self._captured(service) or (None, "")
            renewal = self._engine.renewals.find(self._name, inference, words)
            if not renewal:
                return f"{self._name} is up to date."
            self.confirmation.ask(
                what_it_does(service, renewal),
                "Update now",
                f"Update {self._name} now",
                lambda: self._update(renewal, inference),
            )
            return ""

        self.confirmation.clear()
        self.work.run(f"Check of {self._name} for updates", job)

    def _update(self, renewal: Renewal, inference: InferenceConfig | None) -> None:
        notes: list[str] = []

        def job() -> str:
            self._check_same()
            self._engine.renewals.carry_out(self._name, renewal, inference, notes.append)
            return "\n".join(notes)

        self.work.run(f"Update of {self._name}", job)


def what_it_does(service: Webservice, renewal: Renewal) -> str:
    """The changes of an update, for its confirmation."""
    if service.serving is None:
        after = "This starts the service."
    else:
        after = (
            f"Revision {service.serving} serves until the new revision is healthy, "
            "and keeps serving if the update fails."
        )
    return f"Update {service.name}: {'; '.join(renewal.words)}. {after}"
