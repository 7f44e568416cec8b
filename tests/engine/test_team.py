"""A workspace whose rows are on a server: what is the same, and what is another machine's."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import daemon
from mlmagic.engine.services import ownership as reach
from mlmagic.errors import NotFound, UsageError
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import identity, services
from mlmagic.workspace.database import services as table
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.entry_scripts import inline
from tests.support.estimators import BODY, SERVES_RIDGE, ridge
from tests.support.postgresql import Server
from tests.support.processes import daemons_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
ON_LOCAL = DeploymentConfig("local")


@pytest.fixture
def location(location: Location, postgresql: Server) -> Location:
    return replace(location, database_url=postgresql.new_database())


def test_a_service_from_deploy_to_delete(engine: Engine, location: Location) -> None:
    model = location.folder / "model.bin"
    model.write_bytes(b"model")
    registered = engine.models.register(model, ModelDescription("m"))
    engine.services.wait(engine.services.deploy("svc", [registered.id], script(), ON_LOCAL))
    first = engine.requests.score("svc", {"data": [1]})
    updated = engine.services.wait(engine.services.update("svc", config_changes={"description": "again"}))
    assert (updated.serving, updated.machine) == (2, identity.machine())
    assert engine.requests.score("svc", {"data": [1]})["said"] == first["said"]
    engine.services.delete("svc")
    assert engine.services.list() == []
    engine.models.delete("m:1")
    assert not engine.memory.files.path(registered.files[0].digest).exists()


def test_the_keeper_keeps_and_shows_no_password(engine: Engine, location: Location) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_LOCAL))
    daemon.ensure_daemon(location)
    (process,) = wait_for(lambda: daemons_of(location.folder), "the daemon")
    assert not any("postgresql://" in part for part in process.cmdline())
    engine.supervision.close()
    assert engine.bus.wait_until(lambda: _held_by(engine, process.pid), 30)
    with engine.memory.reading() as tx:
        assert services.get(tx, "svc").state is State.HEALTHY
    engine.services.delete("svc")
    wait_for(lambda: not daemons_of(location.folder), "the daemon's end", timeout=30)


def _held_by(engine: Engine, pid: int) -> bool:
    with engine.memory.reading() as tx:
        holder = tx.scalar(table.select().with_only_columns(table.c.lease_holder))
    owner = identity.ProcessIdentity.owner_of(holder) if holder else None
    return owner is not None and owner.pid == pid


def test_a_keeper_outlasts_the_databases_absence(location: Location, postgresql: Server) -> None:
    with closing(Memory(location)) as memory:
        assert not daemon.has_work(memory)
        postgresql.execute(f"DROP DATABASE {location.database_url.rpartition('/')[2]} WITH (FORCE)")
        assert daemon.has_work(memory)


def test_a_model_registered_on_one_machine_is_served_on_another(location: Location, tmp_path: Path) -> None:
    files_url = (tmp_path / "store").as_uri()
    here, there = (
        Engine(replace(location, folder=tmp_path / name, files_url=files_url), use_daemon=False)
        for name in ("here", "there")
    )
    (tmp_path / "model.bin").write_bytes(b"model")
    here.models.register(tmp_path / "model.bin", ModelDescription("m"))
    there.services.wait(there.services.deploy("svc", ["m"], script(), ON_LOCAL))
    folder = Path(there.requests.score("svc", {})["model_dir"])
    assert folder.is_relative_to(tmp_path / "there")
    assert (folder / "model.bin").read_bytes() == b"model"
    there.services.delete("svc")
    here.models.delete("m:1")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    here.close()
    there.close()


def test_a_model_compiled_on_one_machine_is_served_compiled_on_another(
    location: Location, tmp_path: Path
) -> None:
    files_url = (tmp_path / "store").as_uri()
    here, there = (
        Engine(replace(location, folder=tmp_path / name, files_url=files_url), use_daemon=False)
        for name in ("here", "there")
    )
    model = here.models.register(ridge(tmp_path), ModelDescription("ridge", compile=True))
    there.services.wait(there.services.deploy("svc", ["ridge"], inline(SERVES_RIDGE), ON_LOCAL))
    assert there.requests.score("svc", BODY)["scikit-learn"] is False
    assert here.services.get("svc").compiled == {"ridge:1": model.compiled}
    there.services.delete("svc")
    here.models.delete("ridge:1")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    here.close()
    there.close()


@pytest.fixture
def theirs(make_engine: MakeEngine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine here, with the service "svc" of another machine."""
    monkeypatch.setattr(fake.__class__, "runs_on_this_machine", lambda self: True)
    monkeypatch.setattr(reach, "machine", lambda: "elsewhere")
    engine = make_engine(targets=lambda name: fake, supervise=False)
    engine.services.deploy("svc", [], script(), ON_FAKE)
    monkeypatch.setattr(reach, "machine", identity.machine)
    return engine


def test_another_machines_service_is_left_to_it(
    theirs: Engine, make_engine: MakeEngine, fake: FakeTarget
) -> None:
    here = make_engine(targets=lambda name: fake)
    here.services.wait(here.services.deploy("ours", [], script(), ON_FAKE))
    assert [service.spec.name for service in fake.services.values()] == ["ours"]
    for verb in (
        lambda: here.services.update("svc", config_changes={"description": "x"}),
        lambda: here.services.rollback("svc", 1),
        lambda: here.requests.score("svc", {}),
        lambda: here.services.logs("svc"),
        lambda: here.services.deploy("svc", [], script(), ON_FAKE, overwrite=True),
    ):
        with pytest.raises(UsageError, match=r"it runs on elsewhere, with target 'fake'\. Do it there"):
            verb()


def test_what_a_machine_that_is_gone_has_left_can_be_deleted(theirs: Engine) -> None:
    with theirs.memory.writing() as tx:
        tx.execute(update(table).values(lease_until=services.ABANDONED_SECONDS))
    theirs.services.delete("svc")
    with pytest.raises(NotFound):
        theirs.services.get("svc")


def test_a_broken_connection_costs_a_running_service_nothing(
    make_engine: MakeEngine, fake: FakeTarget, postgresql: Server, location: Location, tmp_path: Path
) -> None:
    engine = make_engine(targets=lambda name: fake)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    name = location.database_url.rpartition("/")[2]
    postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    engine.services.stop("svc")
    assert fake.services[1].stopped
