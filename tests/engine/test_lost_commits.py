"""PostgreSQL's connection breaks while a change is being committed: nothing is lost, and nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import make_url, text

from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import postgresql as postgresql_module
from mlmagic.workspace.location import Location
from tests.support.cut_connection import CutConnection, cut_connection
from tests.support.postgresql import Server

pytestmark = pytest.mark.processes


@pytest.fixture
def way(postgresql: Server) -> Iterator[CutConnection]:
    with cut_connection(postgresql.port) as made:
        yield made


@pytest.fixture
def location(location: Location, postgresql: Server, way: CutConnection) -> Location:
    url = postgresql.new_database()
    return replace(location, database_url=url.replace(f":{postgresql.port}/", f":{way.port}/"))


@pytest.fixture
def engine(location: Location) -> Iterator[Engine]:
    made = Engine(location, use_daemon=False)
    yield made
    made.close()


def register(engine: Engine) -> str:
    source = engine.location.folder.parent / "weights"
    source.write_text("weights")
    return engine.models.register(source, ModelDescription("m")).id


def stored(engine: Engine) -> int:
    return sum(path.is_file() for path in (engine.memory.folder / "files").rglob("*"))


def test_a_commit_that_arrived_is_acknowledged(engine: Engine, way: CutConnection) -> None:
    way.cut(forward=True)
    assert register(engine) == "m:1"
    assert [each.id for each in engine.models.list()] == ["m:1"]
    assert stored(engine) == 1


def test_a_commit_that_did_not_arrive_is_refused(engine: Engine, way: CutConnection) -> None:
    way.cut(forward=False)
    with pytest.raises(WorkspaceUnavailable, match="cannot be used"):
        register(engine)
    assert engine.models.list() == []
    assert register(engine) == "m:1"
    assert stored(engine) == 1


def test_a_number_that_a_crash_gave_to_another_transaction_is_not_ours(postgresql: Server) -> None:
    """After a crash, the server's log may not have reached what was written."""
    database = postgresql_module.connect(make_url(postgresql.new_database()))
    options = postgresql_module.writing_options(durable=True)
    with database.connect().execution_options(**options) as other, other.begin():
        other.execute(text("CREATE TABLE there (id int)"))
        commit = postgresql_module.about_to_commit(other)
    assert postgresql_module.was_committed(database, commit) is True
    before = commit._replace(started=commit.started - timedelta(hours=1))
    assert postgresql_module.was_committed(database, before._replace(position="0/1")) is True
    # The log of the server that crashed had got further, and ended before this.
    assert postgresql_module.was_committed(database, before._replace(position="FFFFFFFF/0")) is False
    database.dispose()


@pytest.mark.parametrize("arrived", [True, False])
def test_where_the_server_cannot_be_asked_the_user_is_told(
    engine: Engine, way: CutConnection, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    monkeypatch.setattr(postgresql_module, "OUTCOME_TIMEOUT_SECONDS", 0.3)
    way.cut(forward=arrived, refuse=True)
    with pytest.raises(WorkspaceUnavailable, match="it may have been recorded or not") as caught:
        register(engine)
    assert "look before you repeat it" in str(caught.value)
    way.heal()
    engine.memory.sweep()
    assert [each.id for each in engine.models.list()] == (["m:1"] if arrived else [])
    engine.models.register(engine.location.folder.parent / "weights", ModelDescription("other"))
    assert stored(engine) == 1
    for model in engine.models.list():
        assert engine.models.download(model.id, engine.location.folder / model.name).is_file()
