"""The tables of services, their revisions, and the leases of the supervisors that run them.

Deploy, update, stop and delete write the desired state: ``desired`` and ``revision``. The supervisor that
holds the lease writes the actual state: ``state``, ``handle``, ``candidate`` and the rest; its writes count
only while the desired state is still the one it has seen, and nobody has taken over the lease since
(``lease_token``).

A lease of a process that has ended is free at once. Whether a process of another machine has ended is not
known here: its lease is free after its time. A service with a ``machine`` belongs to that machine's
supervisors only.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from mlmagic.core import advice
from mlmagic.core.compiled_models import of_records, to_records
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.endpoint import Endpoint, VersionFigures
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.follow import FollowState
from mlmagic.core.model import StoredFile
from mlmagic.core.replacements import Replacement, replacement_of, replacements_of, with_replacements
from mlmagic.core.revisions import DEPLOYED, change_between
from mlmagic.core.webservice import Desired, Retiring, Revision, State, Webservice
from mlmagic.errors import Advice, AlreadyExists, NotFound
from mlmagic.workspace import alerts, events, follows, identity, keys, leases, traffic_history
from mlmagic.workspace.database import revisions, services
from mlmagic.workspace.file_references import refer, release
from mlmagic.workspace.leases import LEASE_SECONDS, is_free

ABANDONED_SECONDS = 60.0


def create(
    tx: Connection, name: str, revision: Revision, holder: str | None, *, machine: str | None = None
) -> Webservice:
    """Add a new service with the desired state running; ``holder`` gets its lease.

    With a ``machine``, it can run on that one only.
    """
    if tx.scalar(select(services.c.name).where(services.c.name == name)) is not None:
        raise AlreadyExists(
            "service",
            name,
            hint=Advice(
                "Change it with {update}, or delete it with {delete}.",
                update=advice.update(name),
                delete=advice.delete(name),
            ),
        )
    now = time.time()
    service_id = uuid.uuid4().hex
    config = revision.config
    tx.execute(
        insert(services).values(
            name=name,
            id=service_id,
            target=config.target,
            desired=Desired.RUNNING.value,
            state=State.TRANSITIONING.value,
            revision=revision.number,
            last_revision=revision.number,
            created_time=now,
            updated_time=now,
            words="requested",
            models=list(revision.models),
            tags=dict(config.tags),
            properties=dict(config.properties),
            description=config.description,
            stats={},
            replacements=[asdict(each) for each in revision.replacements],
            compiled=to_records(revision.compiled),
            replicas=config.num_replicas,
            retiring=[],
            lease_holder=holder,
            lease_until=leases.clock(tx) + LEASE_SECONDS if holder else 0.0,
            machine=machine,
        )
    )
    _add_revision(tx, service_id, revision, DEPLOYED)
    events.append(
        tx, EventKind.DEPLOY_REQUESTED, service_subject(name), f"deploy of {_models(revision)} requested"
    )
    return get(tx, name)


def revise(
    tx: Connection,
    service: Webservice,
    revision: Revision,
    *,
    machine: str | None = None,
    superseded: Mapping[str, Any] | None = None,
    change: str = "",
    rollback_of: int | None = None,
) -> Webservice:
    """Record the next revision of a service, to be started in place of the one that serves.

    With a ``machine``, the service can run on that one only from now on. ``superseded`` are the columns that
    change because a revision was still under way. ``change`` says what changed, if not the difference to the
    revision before; ``rollback_of`` is the earlier revision that a rollback copies.
    """
    difference = change_between(get_revision(tx, service.id, service.revision), revision)
    operation = "update" if rollback_of is None else f"rollback to revision {rollback_of}"
    counted = (
        update(services)
        .where(services.c.id == service.id)
        .values(last_revision=services.c.last_revision + 1)
        .returning(services.c.last_revision)
    )
    revision = replace(revision, number=tx.execute(counted).scalar_one())
    change = change or (difference if rollback_of is None else f"{operation}: {difference}")
    _add_revision(tx, service.id, revision, change, rollback_of)
    _request(
        tx,
        service,
        EventKind.UPDATE_REQUESTED,
        f"{operation} {_as_revision(revision, rollback_of)} with {_models(revision)} requested",
        revision=revision.number,
        desired=Desired.RUNNING.value,
        state=State.TRANSITIONING.value,
        models=list(revision.models),
        tags=dict(revision.config.tags),
        properties=dict(revision.config.properties),
        description=revision.config.description,
        error=None,
        restarts=0,
        replacements=[asdict(each) for each in revision.replacements],
        compiled=to_records(revision.compiled),
        replicas=revision.config.num_replicas,
        words=f"{operation} requested",
        machine=machine or service.machine,
        **(superseded or {}),
    )
    if service.is_under_way:
        words = f"revision {revision.number} replaced it before it served"
        follows.hand_over(tx, service, service.revision, revision, words)
    return get(tx, service.name)


def want(tx: Connection, service: Webservice, desired: Desired) -> Webservice:
    """Set the desired state of a service: running, stopped or deleted."""
    kind, words = {
        Desired.RUNNING: (EventKind.START_REQUESTED, "start requested"),
        Desired.STOPPED: (EventKind.STOP_REQUESTED, "stop requested"),
        Desired.DELETED: (EventKind.DELETE_REQUESTED, "delete requested"),
    }[desired]
    state = State.TRANSITIONING.value
    _request(tx, service, kind, words, desired=desired.value, words=words, state=state, restarts=0)
    return get(tx, service.name)


def take_back(tx: Connection, service: Webservice, superseded: Mapping[str, Any]) -> None:
    """Roll back an update: the serving revision is the desired one again.

    ``superseded`` is as for `revise`.
    """
    assert service.serving is not None
    previous = get_revision(tx, service.id, service.serving)
    follows.settle(tx, service, service.revision, FollowState.FAILED, "the update was rolled back")
    _request(
        tx,
        service,
        EventKind.ROLLED_BACK,
        f"the update to revision {service.revision} was rolled back",
        revision=service.serving,
        models=list(previous.models),
        replacements=[asdict(each) for each in previous.replacements],
        compiled=to_records(previous.compiled),
        replicas=previous.config.num_replicas,
        state=State.HEALTHY.value,
        words=f"revision {service.serving} keeps serving",
        **superseded,
    )


def scale(tx: Connection, service: Webservice, replicas: int) -> Webservice:
    """Record another number of replicas, with the wanted revision, too."""
    config = get_revision(tx, service.id, service.revision).config.scaled(replicas)
    row = (revisions.c.service_id == service.id) & (revisions.c.number == service.revision)
    tx.execute(update(revisions).where(row).values(config=asdict(config)))
    words = f"{replicas} replica{'' if replicas == 1 else 's'} requested"
    _request(tx, service, EventKind.SCALED, words, replicas=replicas)
    return get(tx, service.name)


def route(
    tx: Connection, service: Webservice, endpoint: Endpoint, kind: EventKind, message: str
) -> Webservice:
    """Record other versions or other traffic of an endpoint, with an event."""
    _request(tx, service, kind, message, endpoint=endpoint.to_record())
    return get(tx, service.name)


def record(tx: Connection, service: Webservice, kind: EventKind, message: str) -> None:
    """Record an event of a service, of which nothing else changes here."""
    _request(tx, service, kind, message)


def get(tx: Connection, name: str) -> Webservice:
    """The service of that name. Raises `NotFound` with the existing ones."""
    row = tx.execute(select(services).where(services.c.name == name)).first()
    if row is None:
        raise NotFound("service", name, names(tx))
    return _service(row)


def list_services(tx: Connection) -> list[Webservice]:
    """All services, by name."""
    return [_service(row) for row in tx.execute(select(services).order_by(services.c.name))]


def endpoints_over(tx: Connection, name: str) -> list[Webservice]:
    """The endpoints of which the service ``name`` is a version."""
    rows = tx.execute(select(services).where(services.c.endpoint.is_not(None)))
    found = [_service(row) for row in rows if row.endpoint]
    return [each for each in found if each.endpoint and each.endpoint.version_of(name)]


def names(tx: Connection, *, for_machine: str | None = None) -> list[str]:
    """The names of all services, or of those that supervisors on ``for_machine`` may run."""
    query = select(services.c.name).order_by(services.c.name)
    if for_machine is not None:
        query = query.where(or_(services.c.machine.is_(None), services.c.machine == for_machine))
    return list(tx.scalars(query))


def get_revision(tx: Connection, service_id: str, number: int) -> Revision:
    """One revision of a service. Raises `NotFound` if the service was deleted meanwhile."""
    row = tx.execute(
        select(revisions).where(revisions.c.service_id == service_id, revisions.c.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound("revision", str(number), hint="Its service was deleted meanwhile.")
    return revision_of(row)


def with_idle_timeout(tx: Connection) -> set[str]:
    """The ids of the services whose serving revision has an idle timeout."""
    serves = (revisions.c.service_id == services.c.id) & (revisions.c.number == services.c.serving)
    query = select(services.c.id, revisions.c.config).join(revisions, serves)
    return {row.id for row in tx.execute(query) if row.config.get("idle_timeout_seconds") is not None}


def revision_of(row: Any) -> Revision:
    """The revision of a row of the table."""
    lists = {key: tuple(row.inference[key]) for key in ("requirements", "modules")}
    inference = {**row.inference, **lists}
    return Revision(
        row.number,
        tuple(row.models),
        InferenceConfig(**inference),
        tuple(StoredFile(**file) for file in row.files),
        _configuration(row.config),
        row.python,
        of_records(row.compiled),
    )


def _configuration(record: Mapping[str, Any]) -> DeploymentConfig:
    """The configuration of a record; in older ones the number of replicas is among the target's settings."""
    settings = dict(record["compute_settings"])
    replicas = settings.pop("num_replicas", None)
    return DeploymentConfig(**{"num_replicas": replicas, **record, "compute_settings": settings})


def target_of(tx: Connection, service: Webservice, number: int) -> str:
    """The target of a revision: one that replaces another may run elsewhere."""
    return service.target if number == service.serving else get_revision(tx, service.id, number).config.target


def note_replacements(tx: Connection, service: Webservice, more: Sequence[Replacement]) -> bool:
    """Record the versions that the wanted revision uses in place of pins, with an event for each new one.

    False if the desired state has changed since.
    """
    revision = get_revision(tx, service.id, service.revision)
    environment = with_replacements(revision.inference.environment or {}, more)
    used = replacements_of(environment)
    if not observe(tx, service, {"replacements": [asdict(each) for each in used]}):
        return False
    row = (revisions.c.service_id == service.id) & (revisions.c.number == revision.number)
    inference = asdict(replace(revision.inference, environment=environment))
    tx.execute(update(revisions).where(row).values(inference=inference))
    for each in used:
        if each not in revision.replacements:
            events.append(tx, EventKind.REPLACED, service_subject(service.name), each.words)
    return True


def revision_numbers(tx: Connection, service_id: str) -> list[int]:
    """The revisions of a service that may have a process or a folder, oldest first; former ones have none."""
    query = (
        select(revisions.c.number)
        .where(revisions.c.service_id == service_id, revisions.c.retired == 0)
        .order_by(revisions.c.number)
    )
    return list(tx.scalars(query))


def known_revisions(tx: Connection) -> dict[str, set[int]]:
    """By the id of each service, the numbers of its revisions that may have a folder."""
    known: dict[str, set[int]] = {service_id: set() for service_id in tx.scalars(select(services.c.id))}
    for row in tx.execute(select(revisions.c.service_id, revisions.c.number).where(revisions.c.retired == 0)):
        known.setdefault(row.service_id, set()).add(row.number)
    return known


def label(tx: Connection, service: Webservice, **labels: Any) -> Webservice:
    """Replace the tags, the properties or the description."""
    _request(tx, service, EventKind.LABELLED, f"changed {' and '.join(labels)}", **labels)
    return get(tx, service.name)


def observe(
    tx: Connection,
    seen: Webservice,
    changes: Mapping[str, Any],
    *,
    kind: EventKind | None = None,
    message: str = "",
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Write the actual state of a service with its event.

    False, and nothing is written, if the desired state or the holder of the lease has changed since.
    """
    result = tx.execute(
        update(services)
        .where(
            services.c.id == seen.id,
            services.c.revision == seen.revision,
            services.c.desired == seen.desired.value,
            services.c.lease_token == seen.lease_token,
        )
        .values(**changes, updated_time=time.time())
    )
    if result.rowcount and kind is not None:
        events.append(tx, kind, service_subject(seen.name), message, data)
    return bool(result.rowcount)


def note_stats(tx: Connection, seen: Webservice, stats: Mapping[str, float]) -> None:
    """Write the metrics of the serving revision, without changing the updated time."""
    row = (services.c.id == seen.id) & (services.c.serving == seen.serving)
    held = services.c.lease_token == seen.lease_token
    tx.execute(update(services).where(row, held).values(stats=dict(stats)))


def note_endpoint(tx: Connection, service: Webservice, endpoint: Endpoint) -> None:
    """Record how far an endpoint's rollout is, without an event."""
    row = services.c.id == service.id
    tx.execute(update(services).where(row).values(endpoint=endpoint.to_record()))


def note_versions(tx: Connection, seen: Webservice, figures: Mapping[str, VersionFigures]) -> None:
    """Write the figures of an endpoint's versions, without changing the updated time."""
    row = (services.c.id == seen.id) & (services.c.lease_token == seen.lease_token)
    records = {name: asdict(each) for name, each in figures.items()}
    tx.execute(update(services).where(row).values(version_figures=records))


def lease_tokens(tx: Connection, me: str) -> dict[str, int]:
    """By the id of each service whose lease ``me`` holds, the lease's token."""
    query = select(services.c.id, services.c.lease_token).where(services.c.lease_holder == me)
    return {row.id: row.lease_token for row in tx.execute(query)}


def forget_revision(tx: Connection, service_id: str, number: int) -> None:
    """Remove one revision."""
    tx.execute(delete(revisions).where(revisions.c.service_id == service_id, revisions.c.number == number))
    release(tx, file_holder(service_id, number))


def remove(tx: Connection, service: Webservice, message: str) -> None:
    """Remove a service and its revisions, the former ones included."""
    stored = select(revisions.c.number).where(revisions.c.service_id == service.id)
    for number in tx.scalars(stored).all():
        forget_revision(tx, service.id, number)
    keys.forget(tx, service.id)
    follows.forget(tx, service.id)
    traffic_history.forget(tx, service.id)
    alerts.end_of_service(tx, service)
    tx.execute(delete(services).where(services.c.id == service.id))
    events.append(tx, EventKind.DELETED, service_subject(service.name), message)


def lease(tx: Connection, me: str) -> list[Webservice]:
    """Renew the leases of ``me`` and take the free ones; returns the services that ``me`` holds now.

    ``me`` is a `ProcessIdentity.mark`.
    """
    now = leases.clock(tx)
    held = []
    for row in tx.execute(select(services).order_by(services.c.name)).all():
        if is_free(row, me, now):
            token = row.lease_token + (row.lease_holder != me)
            tx.execute(
                update(services)
                .where(services.c.id == row.id)
                .values(lease_holder=me, lease_until=now + LEASE_SECONDS, lease_token=token)
            )
            held.append(replace(_service(row), lease_token=token))
    return held


def needs_lease(tx: Connection, me: str, renew_within: float) -> bool:
    """Whether `lease` has something to do: a lease to renew soon, or one that is free to take."""
    now = leases.clock(tx)
    for row in tx.execute(select(services.c.lease_holder, services.c.lease_until, services.c.machine)):
        mine = row.lease_holder == me
        if leases.is_over(row.lease_until - renew_within, now) if mine else is_free(row, me, now):
            return True
    return False


def held(tx: Connection, me: str) -> list[Webservice]:
    """The services whose lease ``me`` holds."""
    query = select(services).where(services.c.lease_holder == me).order_by(services.c.name)
    return [_service(row) for row in tx.execute(query)]


def unsupervised_seconds(tx: Connection) -> dict[str, float]:
    """By the id of each service, for how long no supervisor has held its lease; 0 while one does."""
    now, time_now = leases.clock(tx), time.time()
    columns = (services.c.id, services.c.lease_until, services.c.created_time)
    return {
        # It is 0.0 as long as there was no supervisor at all.
        row.id: leases.seconds_over(row.lease_until, now)
        if row.lease_until
        else max(0.0, time_now - row.created_time)
        for row in tx.execute(select(*columns))
    }


def release_leases(tx: Connection, me: str) -> None:
    """Release the leases of ``me``, so that another supervisor may take them at once."""
    given_back = {"lease_holder": None, "lease_until": leases.clock(tx)}
    tx.execute(update(services).where(services.c.lease_holder == me).values(**given_back))


def is_abandoned(tx: Connection, service: Webservice) -> bool:
    """Whether a service of another machine has had no supervisor for a minute: that machine is gone."""
    # Only on a server do services belong to machines, so the lease is in seconds since the epoch.
    if service.machine in (None, identity.machine()):
        return False
    until = tx.scalar(select(services.c.lease_until).where(services.c.id == service.id))
    return until is not None and until + ABANDONED_SECONDS < leases.clock(tx)


def _request(tx: Connection, service: Webservice, kind: EventKind, message: str, **values: Any) -> None:
    tx.execute(update(services).where(services.c.id == service.id).values(**values, updated_time=time.time()))
    events.append(tx, kind, service_subject(service.name), message)


def _add_revision(
    tx: Connection, service_id: str, revision: Revision, change: str, rollback_of: int | None = None
) -> None:
    tx.execute(
        insert(revisions).values(
            service_id=service_id,
            number=revision.number,
            models=list(revision.models),
            inference=asdict(revision.inference),
            files=[asdict(file) for file in revision.files],
            config=asdict(revision.config.without_keys()),
            python=revision.python,
            compiled=to_records(revision.compiled),
            created_time=time.time(),
            change=change,
            rollback_of=rollback_of,
        )
    )
    refer(tx, file_holder(service_id, revision.number), revision.files)


def file_holder(service_id: str, number: int) -> str:
    """The name under which a revision refers to its files."""
    return f"services/{service_id}/r{number}"


def _as_revision(revision: Revision, rollback_of: int | None) -> str:
    return f"{'to' if rollback_of is None else 'as'} revision {revision.number}"


def _models(revision: Revision) -> str:
    if revision.inference.is_router:
        return "an endpoint"
    return ", ".join(revision.models) or "a script without models"


_NOT_IN_RECORD = ("lease_holder", "lease_until", "last_revision")
_COLUMNS = [column for column in services.c if column.name not in _NOT_IN_RECORD]


def _service(row: Any) -> Webservice:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return Webservice(
        **{
            **values,
            "desired": Desired(values["desired"]),
            "state": State(values["state"]),
            "models": tuple(values["models"]),
            "replacements": tuple(map(replacement_of, values["replacements"] or ())),
            "compiled": of_records(values["compiled"]),
            "retiring": tuple(Retiring(**record) for record in values["retiring"]),
            "endpoint": Endpoint.of_record(values["endpoint"]) if values["endpoint"] else None,
            "version_figures": {
                name: VersionFigures.of_record(each)
                for name, each in (values["version_figures"] or {}).items()
            },
        }
    )
