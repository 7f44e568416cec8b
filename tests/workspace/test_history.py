"""The history of revisions in the tables: when they were Healthy, which are kept, and older databases."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from mlmagic.core import revisions as rules
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.workspace import events, history, models, services
from mlmagic.workspace.database import migrations, references
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

REVISION = Revision(
    1, ("m:1",), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3"
)


def create(memory: Memory, *model_ids: str) -> Webservice:
    """A service with a revision for each model; the last one serves."""
    with memory.writing() as tx:
        made = services.create(tx, "svc", replace(REVISION, models=model_ids[:1]), None)
        for model_id in model_ids[1:]:
            made = services.revise(tx, made, replace(REVISION, models=(model_id,)))
        services.observe(tx, made, {"serving": made.revision})
        return services.get(tx, "svc")


def test_the_first_time_of_health_is_kept(memory: Memory) -> None:
    made = create(memory, "m:1")
    with memory.writing() as tx:
        history.note_healthy(tx, made.id, 1)
    with memory.writing() as tx:
        (first,) = history.of_service(tx, made.id)
        history.note_healthy(tx, made.id, 1)
        assert history.of_service(tx, made.id) == [first]
    assert first.healthy_time is not None
    assert first.created_time is not None
    assert (first.change, first.rollback_of, first.retired) == ("deployed", None, False)


def test_a_former_revision_uses_no_model_and_no_folder(memory: Memory) -> None:
    made = create(memory, "m:1", "m:2")
    with memory.writing() as tx:
        history.retire(tx, made.id, 1)
        history.prune(tx, made.id)
        assert history.numbers(tx, made.id) == [1, 2]
        assert services.revision_numbers(tx, made.id) == [2]
        assert services.known_revisions(tx) == {made.id: {2}}
        assert models.users(tx) == {"m:2": ["svc"]}
        assert services.get_revision(tx, made.id, 1).models == ("m:1",)
        services.remove(tx, made, "deleted")
        assert history.numbers(tx, made.id) == []


def test_too_many_former_revisions_are_forgotten_with_their_files(memory: Memory) -> None:
    made = create(memory, *(f"m:{number}" for number in range(1, rules.KEPT + 4)))
    with memory.writing() as tx:
        for number in range(1, rules.KEPT + 3):
            history.retire(tx, made.id, number)
        history.prune(tx, made.id)
        assert history.numbers(tx, made.id) == list(range(3, rules.KEPT + 4))
        holders = set(tx.scalars(select(references.c.holder)))
    assert services.file_holder(made.id, 1) not in holders


def test_a_database_of_an_earlier_version_gets_a_history(location: Location) -> None:
    with closing(Memory(location)) as memory:
        made = create(memory, "m:1", "m:2")
        with memory.writing() as tx:
            for column in ("created_time", "healthy_time", "change", "rollback_of", "retired"):
                tx.execute(text(f"ALTER TABLE revisions DROP COLUMN {column}"))
            tx.execute(migrations.delete().where(migrations.c.name == "m011_history_of_revisions"))
    with closing(Memory(location)) as memory, memory.writing() as tx:
        first, second = history.of_service(tx, made.id)
        assert (first.created_time, first.healthy_time, first.change) == (None, None, "")
        assert (second.healthy_time, second.retired) == (pytest.approx(made.updated_time), False)
        assert services.revise(tx, made, REVISION).revision == 3
        assert history.of_service(tx, made.id)[-1].change == "models m:1"


@pytest.mark.parametrize(
    ("rollback_of", "message", "words", "change"),
    [
        (None, "update to revision 3 with m:1 requested", "update requested", "models m:1"),
        (
            1,
            "rollback to revision 1 as revision 3 with m:1 requested",
            "rollback to revision 1 requested",
            "rollback to revision 1: models m:1",
        ),
    ],
)
def test_an_event_says_which_revision_a_rollback_copies(
    memory: Memory, rollback_of: int | None, message: str, words: str, change: str
) -> None:
    made = create(memory, "m:1", "m:2")
    with memory.writing() as tx:
        revised = services.revise(tx, made, REVISION, rollback_of=rollback_of)
        (event,) = events.newest(tx, 1)
        last = history.of_service(tx, made.id)[-1]
    assert (event.message, revised.words) == (message, words)
    assert (last.change, last.rollback_of) == (change, rollback_of)
