"""Live development: which services take on a script, and what becomes of it, on the fake target."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine import staging
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import live_reload
from mlmagic.errors import LaunchFailed, WorkspaceUnavailable
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace.database import services as table
from tests.support.engines import ON_FAKE
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

LIVE = replace(ON_FAKE, live=True)


def captured(name: str, answer: int = 1) -> InferenceConfig:
    text = f"def init():\n    pass\n\n\ndef run(data):\n    return {answer}\n"
    return InferenceConfig("score.py", script_text=text, captured_as=name)


def deploy(engine: Engine, name: str, inference: InferenceConfig, *, live: bool = True) -> None:
    engine.services.wait(engine.services.deploy(name, [], inference, LIVE if live else ON_FAKE))


def text_of(path: Path) -> str:
    """Empty while the supervisor lays the revision's files out again."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def app(engine: Engine, name: str) -> Path:
    """The folder that the service's script lies in."""
    service = engine.services.get(name)
    return staging.run_folder(engine.memory, service, service.revision) / "app"


def test_live_are_those_that_serve_within_reach(fake_engine: Engine) -> None:
    for name in ("mine", "theirs", "stopped"):
        deploy(fake_engine, name, captured(name))
    deploy(fake_engine, "still", captured("mine"), live=False)
    fake_engine.services.stop("stopped")
    with fake_engine.memory.writing() as tx:
        tx.execute(update(table).where(table.c.name == "theirs").values(machine="elsewhere"))
    assert [
        (service.name, revision.inference.captured_as)
        for service, revision in fake_engine.live_reload.services()
    ] == [("mine", "mine")]


def test_an_update_keeps_the_scripts_name_or_takes_the_new_one(fake_engine: Engine) -> None:
    deploy(fake_engine, "svc", captured("first"))

    def name() -> str | None:
        return fake_engine.services.revision(fake_engine.services.get("svc")).inference.captured_as

    fake_engine.services.wait(fake_engine.services.update("svc", config_changes={"description": "again"}))
    assert name() == "first"
    fake_engine.services.wait(fake_engine.services.update("svc", inference=captured("second")))
    assert name() == "second"
    fake_engine.services.wait(
        fake_engine.services.update("svc", inference=replace(captured("x"), captured_as=None))
    )
    assert name() is None


def test_what_is_taken_on_is_recorded(fake_engine: Engine, fake: FakeTarget) -> None:
    deploy(fake_engine, "svc", captured("first"))
    fake_engine.live_reload.reload("svc", captured("first", answer=2))
    assert "return 2" in (app(fake_engine, "svc") / "score.py").read_text()
    assert fake.only().reloads == 1
    revision = fake_engine.services.revision(fake_engine.services.get("svc"))
    assert fake_engine.memory.files.path(revision.files[0].digest).read_text().endswith("return 2\n")


def test_what_is_refused_changes_nothing(fake_engine: Engine, fake: FakeTarget) -> None:
    deploy(fake_engine, "svc", captured("first"))
    before = fake_engine.services.revision(fake_engine.services.get("svc"))
    fake.next_observations = [Observation(Phase.STARTING)]  # it does not serve again in this test
    fake.crash()
    with pytest.raises(LaunchFailed, match="'svc' did not reload its script: no such fake service"):
        fake_engine.live_reload.reload("svc", captured("first", answer=2))
    wait_for(lambda: "return 1" in text_of(app(fake_engine, "svc") / "score.py"), "the first script")
    assert fake_engine.services.revision(fake_engine.services.get("svc")) == before


def test_what_is_taken_on_is_newer_than_what_was_compiled(fake_engine: Engine) -> None:
    """Python compiles a file anew if its length or its time differs, the time in whole seconds."""
    deploy(fake_engine, "svc", captured("first"))
    script = app(fake_engine, "svc") / "score.py"
    for answer in (2, 3):
        ahead = time.time() + 60
        os.utime(script, (ahead, ahead))
        fake_engine.live_reload.reload("svc", captured("first", answer))
        assert int(script.stat().st_mtime) > int(ahead)


def test_a_restart_waits_for_a_reload_that_is_under_way(
    fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor lays out the script of a service that crashed, over the files of the reload."""
    deploy(fake_engine, "svc", captured("first"))
    service = fake_engine.services.get("svc")
    waits = threading.Event()
    real = staging.holding_app

    def told(run_dir: Path) -> AbstractContextManager[None]:
        if threading.current_thread() is restart:
            waits.set()
        return real(run_dir)

    restart = threading.Thread(target=lambda: staging.stage(fake_engine.memory, service))

    def reload_during_a_restart(_: object) -> Mapping[str, Any]:
        restart.start()
        wait_for(lambda: waits.is_set() or not restart.is_alive(), "the restart")
        return {"init": False, "ms": 0.0}

    monkeypatch.setattr(staging, "holding_app", told)
    monkeypatch.setattr(fake, "reload", reload_during_a_restart)
    fake_engine.live_reload.reload("svc", captured("first", answer=2))
    restart.join()
    assert "return 2" in (app(fake_engine, "svc") / "score.py").read_text()


@pytest.mark.parametrize("killed_at", ["_replace", "_record"])
def test_a_reload_that_was_killed_did_not_happen(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """The next start lays the folder out as the row says, whichever files the kill has left there."""
    deploy(fake_engine, "svc", captured("first"))
    real, called = live_reload._replace, []

    def die(*_: object) -> None:
        called.append(killed_at)
        raise KeyboardInterrupt

    def only_forwards(*values: Any) -> None:
        if called:
            raise KeyboardInterrupt
        real(*values)

    with monkeypatch.context() as patch:
        patch.setattr(live_reload, "_replace", only_forwards)
        patch.setattr(live_reload, killed_at, die)
        with pytest.raises(KeyboardInterrupt):
            fake_engine.live_reload.reload("svc", captured("first", answer=2))
    if killed_at == "_record":
        assert "return 2" in (app(fake_engine, "svc") / "score.py").read_text()
    fake_engine.services.stop("svc")
    fake_engine.services.wait(fake_engine.services.start("svc"))
    assert "return 1" in (app(fake_engine, "svc") / "score.py").read_text()


def test_a_reload_that_cannot_be_recorded_is_undone(
    fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(fake_engine, "svc", captured("first"))

    def fail(*_: object) -> None:
        raise WorkspaceUnavailable("the disk is full")

    monkeypatch.setattr(live_reload, "_record", fail)
    with pytest.raises(WorkspaceUnavailable):
        fake_engine.live_reload.reload("svc", captured("first", answer=2))
    assert "return 1" in (app(fake_engine, "svc") / "score.py").read_text()
    assert fake.only().reloads == 2, "to the new script, and back"
