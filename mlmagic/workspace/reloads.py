"""Live reload in the tables: the script of a revision is replaced by the one that serves."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, update

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.workspace import events
from mlmagic.workspace.database import revisions
from mlmagic.workspace.file_references import refer, release
from mlmagic.workspace.services import file_holder


def record(tx: Connection, service: Webservice, revision: Revision, message: str) -> None:
    """Replace the script and the files of the serving revision."""
    assert service.serving == revision.number
    row = (revisions.c.service_id == service.id) & (revisions.c.number == revision.number)
    tx.execute(
        update(revisions)
        .where(row)
        .values(inference=asdict(revision.inference), files=[asdict(file) for file in revision.files])
    )
    holder = file_holder(service.id, revision.number)
    release(tx, holder)
    refer(tx, holder, revision.files)
    events.append(tx, EventKind.RELOADED, service_subject(service.name), message)
