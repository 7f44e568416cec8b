"""Record revisions of services, each in the transaction of the caller; a supervisor brings them about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.core.webservice import Desired, Revision, Webservice
from mlmagic.engine.services.reconcile import planner
from mlmagic.errors import WrongState
from mlmagic.workspace import services

if TYPE_CHECKING:
    from sqlalchemy import Connection


class StalePlan(WrongState):
    """Another update was recorded since this one was planned: planned again, it builds on that one."""


def revise(
    tx: Connection,
    name: str,
    revision: Revision,
    operation: str = "update",
    *,
    machine: str | None = None,
    based_on: Webservice | None = None,
    change: str = "",
    rollback_of: int | None = None,
) -> Webservice:
    """Record ``revision`` as the next of a service. One that is under way is given up for it.

    ``change`` and ``rollback_of`` are as for `services.revise`. A rollback to the revision that serves needs
    no new one: it cancels the update that is under way.

    With a ``machine``, the service belongs to that one from now on. Raises `StalePlan` if it was planned from
    ``based_on``, and another revision is wanted or the labels are others by now; `WrongState` while the
    service is being deleted.
    """
    now = services.get(tx, name)
    if now.desired is Desired.DELETED:
        raise WrongState(name, now.state, operation, hint="It is being deleted; deploy it again after that.")
    if based_on is not None and _kept(now) != _kept(based_on):
        raise StalePlan(name, now.state, operation)
    superseded = planner.superseded(now, services.revision_numbers(tx, now.id))
    if rollback_of is not None and rollback_of == now.serving and now.desired is Desired.RUNNING:
        if now.revision != now.serving:
            services.take_back(tx, now, superseded)
        return services.get(tx, name)
    return services.revise(
        tx,
        now,
        revision,
        machine=machine,
        superseded=superseded,
        change=change,
        rollback_of=rollback_of,
    )


def renew(
    tx: Connection, name: str, operation: str, *, change: str = "", replicas: int | None = None
) -> Webservice:
    """Record the wanted revision once more, with another number of ``replicas`` if one is given."""
    now = services.get(tx, name)
    revision = services.get_revision(tx, now.id, now.revision)
    config = replace(revision.config, **labels_of(now))
    config = config if replicas is None else config.scaled(replicas)
    return revise(tx, name, replace(revision, config=config), operation, change=change)


def labels_of(service: Webservice) -> dict[str, Any]:
    """The labels of a service, as fields of a configuration; they may have been changed since the deploy."""
    return {"tags": service.tags, "properties": service.properties, "description": service.description}


def _kept(service: Webservice) -> tuple[Any, ...]:
    """What an update keeps of a service, beside what it changes."""
    return service.id, service.revision, labels_of(service)
