"""The tables of the model registry."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mlmagic.core.compiled_models import of_record, to_record
from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.events import EventKind, model_subject
from mlmagic.core.model import CompiledFile, Model, ModelDescription, ModelFilter, StoredFile, check_labels
from mlmagic.core.names import ModelReference
from mlmagic.errors import NotFound, UsageError
from mlmagic.workspace import events, follows
from mlmagic.workspace.database import model_names, models, revisions, services
from mlmagic.workspace.file_references import held_by, refer, release


def add(
    tx: Connection,
    details: ModelDescription,
    files: Iterable[StoredFile],
    compiled: Iterable[CompiledFile] = (),
) -> Model:
    """Record the next version of a model, with what compiling its files gave."""
    version = _next_version(tx, details.name)
    model = Model(details, version, tuple(files), time.time(), tuple(compiled))
    tx.execute(
        insert(models).values(
            name=model.name,
            version=model.version,
            created_time=model.created_time,
            details=asdict(details),
            files=[asdict(file) for file in model.files],
            compiled=to_record(model.compiled) or None,
        )
    )
    refer(tx, f"models/{model.id}", model.files)
    refer(tx, _holder_of_parts(model), _parts(model.compiled))
    events.append(
        tx,
        EventKind.MODEL_REGISTERED,
        model_subject(model.id),
        f"registered {model.id}",
        {"tags": dict(model.tags), "properties": dict(model.properties)},
    )
    follows.note(tx, model)
    return model


def get(tx: Connection, reference: ModelReference) -> Model:
    """The version given, or the newest. Raises `NotFound` with the existing ones."""
    query = select(models).where(models.c.name == reference.name)
    if reference.version is not None:
        query = query.where(models.c.version == reference.version)
    row = tx.execute(query.order_by(models.c.version.desc()).limit(1)).first()
    if row is not None:
        return _model(row)
    versions = tx.scalars(
        select(models.c.version).where(models.c.name == reference.name).order_by(models.c.version)
    ).all()
    if versions:
        raise NotFound("model", str(reference), hint=f"{reference.name} has versions {_spans(versions)}.")
    raise NotFound("model", str(reference), names(tx))


def list_models(tx: Connection, wanted: ModelFilter) -> list[Model]:
    """Models that match the filter, by name, the newest version first."""
    query = select(models).order_by(models.c.name, models.c.version.desc())
    if wanted.name is not None:
        query = query.where(models.c.name == wanted.name)
    found = [model for model in map(_model, tx.execute(query)) if wanted.accepts(model)]
    if not wanted.latest:
        return found
    newest: dict[str, Model] = {}
    for model in found:
        newest.setdefault(model.name, model)
    return list(newest.values())


def names(tx: Connection) -> list[str]:
    """The names of all models."""
    return list(tx.scalars(select(models.c.name).distinct().order_by(models.c.name)))


def change(
    tx: Connection,
    reference: ModelReference,
    *,
    tags: Mapping[str, str] | None = None,
    add_properties: Mapping[str, str] | None = None,
    description: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Model:
    """Replace the tags, add properties, set the description; ``details`` are other fields to replace.

    Raises `UsageError` for a property that is set: properties never change.
    """
    model = get(tx, reference)
    changed = replace(model.details, **details) if details else model.details
    if tags is not None:
        check_labels("tags", tags)
        changed = replace(changed, tags=dict(tags))
    if add_properties:
        check_labels("properties", add_properties)
        fixed = sorted(set(add_properties) & set(model.properties))
        if fixed:
            raise UsageError(
                f"properties {fixed} of {model.id} are set already, and properties never change",
                hint="Use a tag for what may change.",
            )
        changed = replace(changed, properties={**model.properties, **add_properties})
    if description is not None:
        changed = replace(changed, description=description)
    tx.execute(_row(update(models), model).values(details=asdict(changed)))
    events.append(tx, EventKind.MODEL_UPDATED, model_subject(model.id), f"updated {model.id}")
    now = replace(model, details=changed)
    follows.note(tx, now)
    return now


def note_compiled(tx: Connection, model_id: str, compiled: Iterable[CompiledFile]) -> Model:
    """Record what compiling a model gave, instead of what is known so far.

    The parts that it had are kept until it is deleted: revisions of services may use them.
    """
    model = replace(get(tx, ModelReference.parse(model_id)), compiled=tuple(compiled))
    tx.execute(_row(update(models), model).values(compiled=to_record(model.compiled)))
    holder = _holder_of_parts(model)
    kept = held_by(tx, holder)
    refer(tx, holder, [part for part in _parts(model.compiled) if part.digest not in kept])
    return model


def _holder_of_parts(model: Model) -> str:
    return f"models/{model.id}/compiled"


def _parts(compiled: Iterable[CompiledFile]) -> list[StoredFile]:
    return [part for each in compiled for part in each.parts]


def remove(tx: Connection, reference: ModelReference) -> Model:
    """Delete one version; returns what it was.

    Refused with the services' names while a service uses it.
    """
    model = get(tx, reference)
    users = used_by(tx, model.id)
    if users:
        raise UsageError(
            f"model {model.id} is used by {', '.join(users)}",
            hint=f"Delete or update {'them' if len(users) > 1 else 'it'} first.",
        )
    tx.execute(_row(delete(models), model))
    for holder in (f"models/{model.id}", _holder_of_parts(model)):
        release(tx, holder)
    events.append(tx, EventKind.MODEL_DELETED, model_subject(model.id), f"deleted {model.id}")
    return model


def used_by(tx: Connection, model_id: str) -> list[str]:
    """Names of the services with a revision that serves this version; former revisions do not count."""
    return users(tx).get(model_id, [])


def users(tx: Connection) -> dict[str, list[str]]:
    """By model id, the names of the services with a revision that serves it."""
    query = (
        select(services.c.name, revisions.c.models)
        .join(revisions, revisions.c.service_id == services.c.id)
        .where(revisions.c.retired == 0)
        .order_by(services.c.name)
    )
    found: dict[str, list[str]] = {}
    for row in tx.execute(query):
        for model_id in row.models:
            names = found.setdefault(model_id, [])
            if row.name not in names:
                names.append(row.name)
    return found


def _next_version(tx: Connection, name: str) -> int:
    version = tx.scalar(
        update(model_names)
        .where(model_names.c.name == name)
        .values(last_version=model_names.c.last_version + 1)
        .returning(model_names.c.last_version)
    )
    if version is None:
        tx.execute(insert(model_names).values(name=name, last_version=1))
        return 1
    return int(version)


def _row(statement: Any, model: Model) -> Any:
    return statement.where(models.c.name == model.name, models.c.version == model.version)


def _model(row: Any) -> Model:
    values = dict(row.details)
    resources = values.pop("resource_configuration", None)
    values["modules"] = tuple(values["modules"])
    values["datasets"] = tuple((scenario, dataset) for scenario, dataset in values.get("datasets", ()))
    details = ModelDescription(
        **values, resource_configuration=ResourceConfiguration(**resources) if resources else None
    )
    files = tuple(StoredFile(**file) for file in row.files)
    return Model(details, row.version, files, row.created_time, of_record(row.compiled))


def _spans(versions: Iterable[int]) -> str:
    """``[1, 2, 3, 5]`` as ``1-3, 5``."""
    spans: list[list[int]] = []
    for version in versions:
        if spans and version == spans[-1][1] + 1:
            spans[-1][1] = version
        else:
            spans.append([version, version])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
