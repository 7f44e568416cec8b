"""What can be done with a service from its card: the actions that its state allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlmagic.core.arguments import MOST_REPLICAS
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.renewal import Renewal
from mlmagic.core.webservice import UNDER_WAY, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.rollback import check_number
from mlmagic.errors import NotFound, UsageError
from mlmagic.widgets import html
from mlmagic.widgets.background import Work

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


def offered(
    state: State | str, *, gone: bool = False, scales: bool = True, updates: bool = True
) -> list[str]:
    """The actions that a service in this state allows; none if it is deleted.

    An endpoint has no script of its own that could be updated.
    """
    if gone:
        return []
    without = {verb for verb, can in (("scale", scales), ("update", updates)) if not can}
    return [verb for verb, states in _OFFERED.items() if state in states and verb not in without]


def no_script(_service: Webservice) -> None:
    """A `Captured` without a script."""


class Actions:
    """Carries out the actions of one card, one at a time, each in a thread of its own."""

    def __init__(self, engine: Engine, service: Webservice, captured: Captured = no_script) -> None:
        self._engine, self._name, self._id = engine, service.name, service.id
        self._captured = captured
        self._found: tuple[Renewal, InferenceConfig | None] | None = None
        self.work = Work()

    def restart(self) -> None:
        self._run("Restart", lambda: self._engine.services.restart(self._name))

    def stop(self) -> None:
        self._run("Stop", lambda: self._engine.services.stop(self._name))

    def start(self) -> None:
        self._run("Start", lambda: self._engine.services.start(self._name))

    def delete(self) -> None:
        self._run("Deletion", lambda: self._engine.services.delete(self._name))

    def scale(self, replicas: object) -> None:
        """Set the number of replicas. Raises `UsageError` for what is no such number."""
        if not isinstance(replicas, int) or not 1 <= replicas <= MOST_REPLICAS:
            raise UsageError(
                f"the number of replicas of {self._name!r} must be a whole number from 1 to {MOST_REPLICAS}",
                hint="Correct the number, then press Scale again.",
            )
        done = f"Scaling to {html.count(replicas, 'replica')}."
        self._run("Scale", lambda: self._engine.replicas.set(self._name, replicas), done)

    def rollback(self, revision: object) -> None:
        """Go back to an earlier revision."""
        notes: list[str] = []

        def job() -> str:
            self._check_same()
            self._engine.services.rollback(self._name, check_number(revision), notify=notes.append)
            return "\n".join(notes)

        self.work.run(f"Rollback of {self._name}", job)

    def find_update(self) -> str:
        """The changes that an update would make, as a question; empty if the service is up to date."""
        service = self._check_same()
        inference, words = self._captured(service) or (None, "")
        renewal = self._engine.renewals.find(self._name, inference, words)
        self._found = (renewal, inference) if renewal else None
        return what_it_does(service, renewal) if renewal else ""

    def update(self) -> None:
        """Carry out the update that was found last."""
        if self._found is None:
            raise UsageError(f"no update of {self._name!r} was found", hint="Press Update again.")
        renewal, inference = self._found
        self._found = None
        notes: list[str] = []

        def job() -> str:
            self._check_same()
            self._engine.renewals.carry_out(self._name, renewal, inference, notes.append)
            return "\n".join(notes)

        self.work.run(f"Update of {self._name}", job)

    def _run(self, doing: str, verb: Callable[[], Any], done: str = "") -> None:
        def job() -> str:
            self._check_same()
            verb()
            return done

        self.work.run(f"{doing} of {self._name}", job)

    def _check_same(self) -> Webservice:
        """The record; raises `NotFound` if another service has its name now."""
        service = self._engine.services.get(self._name)
        if service.id != self._id:
            raise NotFound(
                "service", self._name, hint="Another service now has this name. List services with: %services"
            )
        return service


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
