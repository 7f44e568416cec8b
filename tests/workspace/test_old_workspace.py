"""A workspace made by an earlier version opens, and all that is in it can be used.

``workspace_2026_11/`` is the folder that commit 00034ad made, its database as SQL: a model, an environment
with a label, a service of two revisions on the target `fake`, a profile, a compute target, a run, a webhook
with two deliveries that failed, and a service that follows its model's tag.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import pytest

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.sdk.compute import ComputeTarget
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.model import Model
from mlmagic.sdk.profile import ModelProfile
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import services
from mlmagic.workspace.database import MIGRATIONS, missing_migrations
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.engines import MakeEngine
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

MADE = Path(__file__).parent / "workspace_2026_11"


@pytest.fixture
def location(tmp_path: Path) -> Location:
    folder = tmp_path / "team"
    shutil.copytree(MADE, folder)
    script = folder / "workspace.sql"
    with closing(sqlite3.connect(folder / "workspace.db")) as database:
        database.executescript(script.read_text(encoding="utf-8"))
    script.unlink()
    return Location.of_folder(folder)


def test_all_of_it_is_read(make_engine: MakeEngine, tmp_path: Path) -> None:
    engine = make_engine(supervise=False)
    workspace = Workspace.over(engine)

    model = Model(workspace, "diabetes")
    assert (model.id, model.tags, model.properties) == ("diabetes:1", {"area": "health"}, {"made": "2026"})
    assert (model.description, model.model_framework, model.files) == (
        "an old model",
        "Custom",
        ["model.txt"],
    )
    assert (model.sample_input, model.sample_output) == ([[1, 2]], [3])
    assert (model.resource_configuration, model.datasets) == (
        ResourceConfiguration(1, 0.5),
        {"train": ["rows:1"]},
    )
    assert Path(model.download(tmp_path / "copy")).read_text() == "weights of an old model\n"

    environment = Environment.get(workspace, "scoring", label="stable")
    assert (environment.version, environment.environment_variables) == ("1", {"A": "1"})
    assert list(environment.python.conda_dependencies.pip_packages) == ["six==1.16.0"]  # type: ignore[union-attr]

    service = Webservice(workspace, "diabetes-svc")
    assert (service.state, service.models_ids, service.tags) == ("Healthy", ("diabetes:1",), {"a": "b"})
    assert (service.properties, service.description) == ({"p": "q"}, "an old service")
    assert service.get_keys() == ("first-key-0123456789", "second-key-0123456789")
    revision = engine.services.revision(service.record)
    assert (revision.number, revision.config.cpu, revision.config.auth_enabled) == (2, 1.0, True)
    assert revision.config.environment_variables == {"GREETING": "hello"}
    assert revision.inference.requirements == ("six==1.16.0",)

    profile = ModelProfile(workspace, "sizes")
    assert (profile.state, profile.get_details()["recommendedCpu"]) == ("Succeeded", 0.3)
    assert [load.level for load in profile.record.sizes[0].loads] == [1, 2, 4000.0]

    (follow,) = engine.follows.list()
    assert (follow.service, follow.model, follow.tag) == ("diabetes-svc", "diabetes", "stage=prod")
    (subscription,) = engine.events.subscriptions()
    assert (subscription.name, subscription.endpoint, subscription.secret) == (
        "hook",
        "http://127.0.0.1:9/never",
        "only-for-tests",
    )
    assert [(each.event_id, each.attempts) for each, _ in engine.events.deliveries()] == [(9, 1), (5, 1)]
    assert len(engine.events.list(service="diabetes-svc")) == 7

    assert engine.schedules.list() == []
    assert ComputeTarget(workspace, "cluster").serialize()["properties"]["cluster_name"] == "context"
    (run,) = Experiment(workspace, "old").get_runs()
    assert (run.status, run.get_metrics()) == ("Completed", {"accuracy": 0.9})


def test_its_service_serves_again_and_follows_its_model(
    make_engine: MakeEngine,
    fake: FakeTarget,
    tmp_path: Path,
) -> None:
    engine: Engine = make_engine(targets=lambda name: fake)
    engine.events.unsubscribe("hook")
    engine.supervision.ensure_for_services()
    wait_for(lambda: engine.services.list()[0].restarts == 1, "the service's new launch")
    (tmp_path / "model.txt").write_text("new weights")
    engine.models.register(tmp_path / "model.txt", ModelDescription("diabetes", tags={"stage": "prod"}))
    wait_for(lambda: engine.services.get("diabetes-svc").serving == 3, "the update to the new version")
    service = engine.services.wait(engine.services.get("diabetes-svc"), 20)
    assert (service.models, service.state) == (("diabetes:2",), State.HEALTHY)


KILLED = """
import os, signal, sys
from pathlib import Path
from mlmagic.workspace import database
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
def killed(connection, step=database.MIGRATIONS[int(sys.argv[2])]):
    step(connection)
    os.kill(os.getpid(), signal.SIGKILL)
killed.__name__ = database.MIGRATIONS[int(sys.argv[2])].__name__
database.MIGRATIONS[int(sys.argv[2])] = killed
Memory(Location.of_folder(Path(sys.argv[1])))
"""


def kill_in_migration(location: Location, number: int) -> None:
    command = [sys.executable, "-c", KILLED, str(location.folder), str(number)]
    assert subprocess.run(command, check=False).returncode == -SIGKILL


@pytest.mark.parametrize("number", range(6, len(MIGRATIONS)))
def test_a_migration_that_is_killed_is_done_again(location: Location, number: int) -> None:
    kill_in_migration(location, number)
    with closing(Memory(location)) as memory, memory.reading() as tx:
        assert missing_migrations(tx) == []
        (service,) = services.list_services(tx)
    assert (service.name, service.serving, service.replacements) == ("diabetes-svc", 2, ())


@pytest.mark.parametrize("number", [0, 3, len(MIGRATIONS) - 1])
def test_a_new_workspace_whose_maker_was_killed_is_made_again(tmp_path: Path, number: int) -> None:
    location = Location.of_folder(tmp_path / "new")
    kill_in_migration(location, number)
    with closing(Memory(location)) as memory, memory.reading() as tx:
        assert missing_migrations(tx) == []
        assert services.list_services(tx) == []


def test_its_service_goes_back_to_a_revision_of_then(make_engine: MakeEngine, fake: FakeTarget) -> None:
    engine: Engine = make_engine(targets=lambda name: fake)
    engine.events.unsubscribe("hook")
    (present,) = engine.services.revisions("diabetes-svc")
    assert (present.number, present.status, present.created_time, present.change) == (2, "Serving", None, "")
    engine.services.wait(engine.services.update("diabetes-svc", config_changes={"cpu": 3.0}), 20)
    now = engine.services.wait(engine.services.rollback("diabetes-svc").service, 20)
    assert (now.serving, engine.services.revision(now).config.cpu) == (4, 1.0)
