"""Rollbacks: a new revision that copies an earlier one, or the end of an update that does not serve yet.

A rollback is an update: the serving revision keeps serving until the new one is Healthy, and goes on if it
never is. `Rollbacks.choose` chooses once; `Rollbacks.plan` checks, and may be called again if another process
changes the service meanwhile.
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
from mlmagic.engine.services.deployment import DeploymentPlan
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.revisions import labels_of
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, InvalidConfig, NotFound, UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import history, services
from mlmagic.workspace.memory import Memory


@dataclass(frozen=True, slots=True)
class Rollback:
    """The outcome of a rollback, as it was recorded."""

    service: Webservice
    """Transitioning, unless the rollback only cancels an update."""
    revision: int
    """The earlier revision that the service goes back to."""

    @property
    def cancels(self) -> bool:
        """Whether that one serves still, so that only the update that was under way is cancelled."""
        return self.service.revision == self.revision

    @property
    def sentence(self) -> str:
        """What was requested, for the user."""
        if self.cancels:
            return f"Cancelled the update: revision {self.revision} keeps serving."
        return f"Rolling back to revision {self.revision}. The new revision is {self.service.revision}."


@dataclass(frozen=True, slots=True)
class Choice:
    """The revision to go back to."""

    service_id: str
    number: int
    is_named: bool
    """Whether the user has named it, and expects something to change."""


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

    def choose(self, name: str, revision: int | None = None) -> Choice:
        """The revision that is named, else the last one before the present one that was Healthy and differs.

        The present one is the one that is wanted: where an update is under way, that of the update.
        """
        with self._memory.reading() as tx:
            service = services.get(tx, name)
            recorded = history.of_service(tx, service.id)
        if revision is not None:
            return Choice(service.id, check_number(revision), is_named=True)
        found = previous_healthy(recorded, service.revision)
        if found is None:
            raise UsageError(
                f"cannot roll back {name!r}: revision {service.revision} has no earlier revision "
                "that was Healthy and differs from it",
                hint=Advice("List its revisions with: {revisions}", revisions=advice.revisions(name)),
            )
        return Choice(service.id, found, is_named=False)

    def plan(self, name: str, choice: Choice, notify: Notify = silent) -> DeploymentPlan:
        """Check a rollback; nothing is written."""
        number = choice.number
        with self._memory.reading() as tx:
            service = services.get(tx, name)
            recorded = history.of_service(tx, service.id)
            current = services.get_revision(tx, service.id, service.revision)
        if service.id != choice.service_id:
            raise NotFound("service", name, hint="It was replaced meanwhile.")
        owned_here(service, "roll back")
        earlier = _find(name, number, recorded)
        is_serving = service.serving == number and service.desired is Desired.RUNNING
        if number == service.revision and (choice.is_named or not is_serving):
            raise _is_present(service)
        used = self._models_of(name, earlier.revision)
        config = replace(earlier.revision.config, **labels_of(service))
        if service.replicas is not None:  # what the load needs now, whatever serves it
            config = config.scaled(service.replicas)
        if is_serving:  # it needs neither a launch nor its target
            target = self._targets.get(config.target)
        else:
            target = self._targets.usable(config.target)
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
            compiled=earlier.revision.compiled,
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


def _is_present(service: Webservice) -> UsageError:
    """The error for a rollback to the revision that is wanted anyway."""
    name, number = service.name, service.revision
    hint = Advice("Start it with: {start}", start=advice.start(name))
    if service.desired is Desired.STOPPED:
        does = "is stopped"
    elif service.state is State.FAILED:
        does = "failed"
    else:
        does = "serves" if service.serving == number else "is starting"
        hint = Advice("List the other revisions with: {revisions}", revisions=advice.revisions(name))
    return _refusal(name, number, f"it is the present revision, and it {does}", hint)


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
