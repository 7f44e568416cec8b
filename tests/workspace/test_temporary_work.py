from __future__ import annotations

import os

import pytest
from sqlalchemy import delete, inspect, update

from mlmagic.workspace import temporary_work
from mlmagic.workspace.connection import Database
from mlmagic.workspace.database import migrations
from mlmagic.workspace.database import temporary_work as table
from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.temporary_work import Launch, UnfinishedRecord, Work

DEAD = ProcessIdentity(machine(), os.getpid(), "1.0").mark()
"""Of an earlier process with this one's pid."""
ALIVE = ProcessIdentity.current().mark()
CLEANER = ProcessIdentity.current().mark()


def add(memory: Memory, *work: Work) -> None:
    with memory.writing() as tx:
        for one in work:
            temporary_work.add(tx, one)


def claimed(memory: Memory) -> list[str]:
    with memory.writing() as tx:
        return [work.id for work in temporary_work.claim(tx, CLEANER)]


def test_all_of_it_is_read_as_it_was_written(memory: Memory) -> None:
    before = Work("a", "profile", ALIVE, ("/tmp/x",))
    after = Work(
        "a",
        "profile",
        ALIVE,
        ("/tmp/x", "/tmp/y"),
        (Launch("local", {"name": "svc"}), Launch("local", {"name": "svc"}, {"pid": 1})),
        UnfinishedRecord("profile", "p", 3, {"state": "Canceled"}),
    )
    add(memory, before)
    with memory.writing() as tx:
        assert temporary_work.list_work(tx) == [before]
        temporary_work.write(tx, after)
        assert temporary_work.list_work(tx) == [after]
        temporary_work.remove(tx, "a")
        temporary_work.remove(tx, "a")
        assert temporary_work.list_work(tx) == []


@pytest.mark.parametrize(
    ("owner", "is_left"),
    [(DEAD, True), (None, True), (ALIVE, False), ("elsewhere@1-1.00.abc", False)],
    ids=["dead", "nobody", "alive", "elsewhere"],
)
def test_only_work_without_a_living_owner_is_claimed(
    memory: Memory, owner: str | None, is_left: bool
) -> None:
    add(memory, Work("a", "batch", owner))
    with memory.reading() as tx:
        assert temporary_work.is_anything_left(tx) == is_left
    assert claimed(memory) == ["a"] * is_left
    with memory.reading() as tx:
        assert not temporary_work.is_anything_left(tx)
        assert temporary_work.is_anything_left(tx, CLEANER) == is_left


def test_work_of_another_machine_is_left_to_it(memory: Memory) -> None:
    add(memory, Work("a", "batch", DEAD))
    with memory.writing() as tx:
        tx.execute(update(table).values(machine="another"))
        assert not temporary_work.is_anything_left(tx)
    assert claimed(memory) == []


def test_what_is_put_off_is_claimed_when_it_is_due(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    add(memory, Work("a", "batch", DEAD))
    clock = [1e10]
    monkeypatch.setattr(temporary_work, "now", lambda tx: clock[0])
    for wait in (10, 20, 40):
        assert claimed(memory) == ["a"]
        with memory.writing() as tx:
            temporary_work.put_off(tx, temporary_work.list_work(tx)[0])
        clock[0] += wait - 1
        assert claimed(memory) == []
        clock[0] += 1
    with memory.writing() as tx:
        temporary_work.put_off(tx, Work("a", "batch", DEAD, attempts=1000))
    clock[0] += temporary_work.LONGEST_RETRY_SECONDS
    assert claimed(memory) == ["a"]


def test_a_workspace_from_before_there_was_temporary_work(memory: Memory) -> None:
    with memory.writing() as tx:
        table.drop(tx)
        tx.execute(delete(migrations).where(migrations.c.name == "m007_temporary_work"))
    database = Database(memory.location.database_url)
    with database.writing() as tx:
        temporary_work.add(tx, Work("a", "batch", ALIVE))
        assert [index["column_names"] for index in inspect(tx).get_indexes("temporary_work")] == [["machine"]]
    database.close()
