"""The tables of the models that services follow, and of the versions they are to be updated to.

A version is recorded in the transaction that registers or tags it, marked as started when the update
starts, and as ended when the update ends. So each version is tried once, even if processes are killed in
between.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.follow import Follow, FollowState
from mlmagic.core.model import Model
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.errors import NotFound
from mlmagic.workspace import events
from mlmagic.workspace.database import followed_versions, follows, services


def put(tx: Connection, service: Webservice, follow: Follow) -> None:
    """Let a service follow a model; replaces how it followed that model before."""
    where = (follows.c.service_id == service.id) & (follows.c.model == follow.model)
    tx.execute(delete(follows).where(where))
    tx.execute(insert(follows).values(service_id=service.id, model=follow.model, tag=follow.tag))


def end(tx: Connection, service: Webservice, model: str | None) -> list[Follow]:
    """Stop following a model (None: any); returns what was followed. Raises `NotFound` if nothing was."""
    found = [each for each in of_service(tx, service) if model in (None, each.model)]
    if not found:
        known = [each.model for each in of_service(tx, service)]
        raise NotFound(f"model followed by {service.name!r}", model or "any", known)
    for follow in found:
        for table in (follows, followed_versions):
            tx.execute(delete(table).where(table.c.service_id == service.id, table.c.model == follow.model))
    return found


def forget(tx: Connection, service_id: str) -> None:
    """Delete all follows of a deleted service."""
    for table in (follows, followed_versions):
        tx.execute(delete(table).where(table.c.service_id == service_id))


def of_service(tx: Connection, service: Webservice) -> list[Follow]:
    """The models that a service follows."""
    query = select(follows).where(follows.c.service_id == service.id).order_by(follows.c.model)
    return [
        Follow(service.name, row.model, row.tag, _last(tx, service.id, row.model))
        for row in tx.execute(query).all()
    ]


def note(tx: Connection, model: Model) -> None:
    """Record a version for the services that follow it with its current tags."""
    query = (
        select(follows, services.c.name)
        .join(services, services.c.id == follows.c.service_id)
        .where(follows.c.model == model.name)
    )
    for row in tx.execute(query).all():
        if not Follow(row.name, row.model, row.tag).wants(model.tags):
            continue
        if _state(tx, row.service_id, model.name, model.version) is None:
            tx.execute(
                insert(followed_versions).values(
                    service_id=row.service_id,
                    model=model.name,
                    version=model.version,
                    state=FollowState.WAITING.value,
                )
            )


def waiting(tx: Connection, service_id: str) -> dict[str, list[int]]:
    """The waiting versions of a service, by model."""
    query = select(followed_versions.c.model, followed_versions.c.version).where(
        followed_versions.c.service_id == service_id, followed_versions.c.state == FollowState.WAITING.value
    )
    found: dict[str, list[int]] = {}
    for row in tx.execute(query):
        found.setdefault(row.model, []).append(row.version)
    return found


def is_anything_waiting(tx: Connection) -> bool:
    """Whether a version waits for any service."""
    query = select(followed_versions.c.version).where(followed_versions.c.state == FollowState.WAITING.value)
    return tx.scalar(query.limit(1)) is not None


def skip(tx: Connection, service_id: str, model: str, versions: Iterable[int]) -> None:
    """Mark waiting versions as skipped."""
    for version in versions:
        tx.execute(
            update(followed_versions)
            .where(_row(service_id, model, version), followed_versions.c.state == FollowState.WAITING.value)
            .values(state=FollowState.SKIPPED.value, words="skipped for a newer version")
        )


def begin(tx: Connection, service: Webservice, model: str, version: int) -> bool:
    """Mark a waiting version as started with the service's revision; False if it no longer waits."""
    done = tx.execute(
        update(followed_versions)
        .where(_row(service.id, model, version), followed_versions.c.state == FollowState.WAITING.value)
        .values(state=FollowState.STARTED.value, revision=service.revision)
    )
    return bool(done.rowcount)


def settle(tx: Connection, service: Webservice, revision: int, state: FollowState, words: str = "") -> None:
    """Record how the update to ``revision`` ended, if it was an update of a follow."""
    query = select(followed_versions).where(
        followed_versions.c.service_id == service.id,
        followed_versions.c.revision == revision,
        followed_versions.c.state == FollowState.STARTED.value,
    )
    for row in tx.execute(query).all():
        _end(tx, service, row.model, row.version, state, words)


def hand_over(tx: Connection, service: Webservice, before: int, revision: Revision, words: str) -> None:
    """The update to ``before`` is replaced by ``revision``, which decides about versions that it serves, too.

    Versions that it does not serve have failed; ``words`` say why.
    """
    for model in revision.models:
        name, _, version = model.rpartition(":")
        tx.execute(
            update(followed_versions)
            .where(_row(service.id, name, int(version)), followed_versions.c.revision == before)
            .values(revision=revision.number)
        )
    settle(tx, service, before, FollowState.FAILED, words)


def refuse(tx: Connection, service: Webservice, model: str, version: int, words: str) -> None:
    """Record that the update to a waiting version could not be started."""
    _end(tx, service, model, version, FollowState.FAILED, words)


def _end(
    tx: Connection, service: Webservice, model: str, version: int, state: FollowState, words: str
) -> None:
    done = tx.execute(
        update(followed_versions)
        .where(
            _row(service.id, model, version),
            followed_versions.c.state.in_([FollowState.WAITING.value, FollowState.STARTED.value]),
        )
        .values(state=state.value, words=words)
    )
    if not done.rowcount:
        return
    kind, message = EventKind.FOLLOWED, f"serves {model}:{version}, as it follows {model}"
    if state is not FollowState.DONE:
        kind = EventKind.FOLLOW_FAILED
        message = f"the update to {model}:{version} failed and is not retried: {words}"
    data = {"model": model, "version": version}
    events.append(tx, kind, service_subject(service.name), message, data)


def _state(tx: Connection, service_id: str, model: str, version: int) -> str | None:
    return tx.scalar(select(followed_versions.c.state).where(_row(service_id, model, version)))


def _last(tx: Connection, service_id: str, model: str) -> str:
    """The state of the newest version that was tried."""
    row = tx.execute(
        select(followed_versions)
        .where(
            followed_versions.c.service_id == service_id,
            followed_versions.c.model == model,
            followed_versions.c.state != FollowState.SKIPPED.value,
        )
        .order_by(followed_versions.c.version.desc())
        .limit(1)
    ).first()
    if row is None:
        return ""
    return f"{model}:{row.version} {row.state}" + (f": {row.words}" if row.words else "")


def _row(service_id: str, model: str, version: int) -> ColumnElement[bool]:
    return (
        (followed_versions.c.service_id == service_id)
        & (followed_versions.c.model == model)
        & (followed_versions.c.version == version)
    )
