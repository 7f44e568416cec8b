"""Rollbacks: a new revision with what an earlier one had, or the end of an update that does not serve yet.

A rollback is an update: the serving revision keeps serving until the new one is Healthy, and goes on if it
never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmagic.core import advice
from mlmagic.core.model import Model
from mlmagic.core.notify import Notify, silent
from mlmagic.core.revisions import (
    RecordedRevision,
    RevisionSummary,
    previous_healthy,
    summary_of,
)
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.engine import staging
from mlmagic.engine.environments.store import Store
from mlmagic.engine.models.models import Models
from mlmagic.engine.services.deployment import DeploymentPlan, labels_of
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, InvalidConfig, NotFound, UsageError, WrongState
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import history, services
from mlmagic.workspace.memory import Memory


@dataclass(frozen=True, slots=True)
class Rollback:
    """The outcome of a rollback, as it was recorded."""

    service: Webservice
    """Transitioning, unless the rollback only withdrew an update."""
    revision: int
    """The earlier revision that the service goes back to."""
    withdrawn: bool = False
    """Whether that one serves still, and the update that was under way is withdrawn."""

    @property
    def sentence(self) -> str:
        """What was requested, for the user."""
        if self.withdrawn:
            return f"Withdrew the update: revision {self.revision} keeps serving."
        return f"Rolling back to revision {self.revision}, as revision {self.service.revision}."


class Rollbacks:
    """Chooses the revisions to go back to, and plans how."""

    def __init__(self, memory: Memory, targets: Targets, models: Models) -> None:
        self._memory, self._targets, self._models = memory, targets, models

    def summaries(self, name: str) -> list[RevisionSummary]:
        """The revisions of a service, the newest first."""
        with self._memory.reading() as tx:
            service = services.get(tx, name)
            found = history.of_service(tx, service.id)
        return [summary_of(each, service) for each in reversed(found)]

    def numbers(self, name: str) -> list[int]:
        """The numbers of the revisions of a service, the newest first."""
        with self._memory.reading() as tx:
            return history.numbers(tx, services.get(tx, name).id)[::-1]

    def choose(self, name: str) -> int:
        """The last revision before the wanted one that was Healthy and has other content."""
        with self._memory.reading() as tx:
            service = services.get(tx, name)
            found = previous_healthy(history.of_service(tx, service.id), service.revision)
        if found is None:
            raise UsageError(
                f"cannot roll back {name!r}: none before revision {service.revision} was Healthy and differs",
                hint=Advice("List its revisions with: {revisions}", revisions=advice.revisions(name)),
            )
        return found

    def plan(self, name: str, number: int, *, is_named: bool, notify: Notify = silent) -> DeploymentPlan:
        """Check a rollback to a revision; nothing is written.

        ``is_named`` says that the user has named the revision, and expects something to change.
        """
        with self._memory.reading() as tx:
            service = services.get(tx, name)
            recorded = history.of_service(tx, service.id)
            current = services.get_revision(tx, service.id, service.revision)
        owned_here(service, "roll back")
        if service.desired is Desired.DELETED:
            raise WrongState(name, service.state, "roll back", hint="It is being deleted.")
        earlier = _find(name, number, recorded)
        if number == service.revision and (is_named or service.serving != number):
            raise _is_wanted_already(service)
        config = replace(earlier.revision.config, **labels_of(service))
        used = self._models_of(name, earlier.revision)
        withdraws = service.serving == number and service.desired is Desired.RUNNING
        target = self._targets.get(config.target) if withdraws else self._targets.usable(config.target)
        if not withdraws:
            self._check_files(name, earlier.revision)
            _check_interpreter(name, earlier.revision, target)
            # As for an update: a revision that is starting may hold its port already.
            starting = current.config.port if service.is_under_way else None
            serving = staging.port_of(service.url) if service.target == config.target else None
            target.validate(config, current_port=starting or serving)
            for line in _differences(earlier, current):
                notify(line)
        return DeploymentPlan(
            name,
            tuple(used),
            earlier.revision.inference,
            config,
            earlier.revision.python,
            target,
            revises=service,
            keeps_files=earlier.revision.files,
            based_on=service,
            rollback_of=number,
        )

    def _models_of(self, name: str, revision: Revision) -> Sequence[Model]:
        try:
            return self._models.find_all(revision.models)
        except NotFound as error:
            raise _refusal(
                name,
                revision.number,
                f"model {error.name!r} was deleted",
                Advice("Deploy other models with: {update} {models}", **_update_with_models(name)),
            ) from None

    def _check_files(self, name: str, revision: Revision) -> None:
        lost = next((file for file in revision.files if not self._memory.files.has(file.digest)), None)
        if lost is not None:
            raise _refusal(
                name,
                revision.number,
                f"its file {lost.path!r} is missing from the workspace",
                Advice("List the other revisions with: {revisions}", revisions=advice.revisions(name)),
            )


def check_number(revision: Any) -> int:
    """The number of a revision; raises `InvalidConfig` for anything else."""
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 1:
        raise InvalidConfig("revision", revision, "must be a whole number above 0")
    return revision


def _find(name: str, number: int, recorded: Sequence[RecordedRevision]) -> RecordedRevision:
    for each in recorded:
        if each.number == number:
            return each
    known = ", ".join(str(each.number) for each in recorded)
    raise NotFound(
        f"revision of {name!r}",
        str(number),
        hint=Advice(
            "It has: {known}. List them with: {revisions}", known=known, revisions=advice.revisions(name)
        ),
    )


def _is_wanted_already(service: Webservice) -> UsageError:
    """The error for a rollback to the revision that the owner wants anyway."""
    name, number = service.name, service.revision
    start = Advice("Start it with: {start}", start=advice.start(name))
    if service.desired is Desired.STOPPED or service.state is State.STOPPED:
        return UsageError(f"cannot roll back {name!r} to revision {number}: it is stopped at it", hint=start)
    if service.state is State.FAILED:
        return UsageError(f"cannot roll back {name!r} to revision {number}: it failed with it", hint=start)
    happens = "serves" if service.serving == number else "is starting"
    return UsageError(
        f"cannot roll back {name!r} to revision {number}: that one {happens} already",
        hint=Advice("List the other revisions with: {revisions}", revisions=advice.revisions(name)),
    )


def _check_interpreter(name: str, revision: Revision, target: ComputeTarget[Any]) -> None:
    """An environment that mlmagic has built is built again if it is gone; any other interpreter is not."""
    if not target.capabilities.runs_interpreter or Path(revision.python).exists():
        return
    if Store().key_of(revision.python) is None:
        raise _refusal(
            name,
            revision.number,
            f"its Python interpreter {revision.python!r} is gone",
            Advice("Deploy it again with: {update} {script}", **_update_with_script(name)),
        )


def _differences(earlier: RecordedRevision, current: Revision) -> list[str]:
    """What the user may not expect of an earlier revision."""
    number, lines = earlier.number, []
    if earlier.healthy_time is None:
        lines.append(f"Revision {number} was never Healthy.")
    if current.config.guarded and not earlier.revision.config.guarded:
        lines.append(f"Revision {number} has no authentication, unlike revision {current.number}.")
    return lines


def _refusal(name: str, number: int, reason: str, hint: Advice) -> UsageError:
    return UsageError(f"cannot roll back {name!r} to revision {number}: {reason}", hint=hint)


def _update_with_models(name: str) -> dict[str, Any]:
    return {"update": advice.update(name), "models": advice.argument("models")}


def _update_with_script(name: str) -> dict[str, Any]:
    return {"update": advice.update(name), "script": advice.argument("entry_script")}
