"""Cleaning up after temporary work, on a fake target; real kills are in `test_temporary_work`."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.notify import silent
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine.services import cleanup, daemon
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.engine.targets import Targets
from mlmagic.errors import LaunchFailed, NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import assets, temporary_work
from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.temporary_work import Launch, UnfinishedRecord, Work
from tests.support.engines import MakeEngine
from tests.support.waiting import wait_for

DEAD = ProcessIdentity(machine(), os.getpid(), "1.0").mark()
CLEANER = ProcessIdentity.current().mark()


@pytest.fixture
def targets(fake: FakeTarget) -> Targets:
    def load(name: str) -> FakeTarget:
        if name != "fake":
            raise NotFound("target", name)
        return fake

    return Targets(load)


@pytest.fixture
def work(memory: Memory, targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TemporaryWork:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return TemporaryWork(memory, targets)


def spec(folder: Path) -> ServiceSpec:
    return ServiceSpec("svc", 1, str(folder), "s.py", "", None, "", "", DeploymentConfig("fake"))


def left_over(memory: Memory, tmp_path: Path, number: int = 0, *launches: Launch) -> Path:
    """What a killed process leaves; its folder."""
    left = Work(f"{number:012}", "test", DEAD)
    folder = tmp_path / left.folder_name
    folder.mkdir()
    with memory.writing() as tx:
        record = assets.add(tx, "package", f"p{number}", {"state": "Running", "error": "", "log": ["one"]})
        unfinished = UnfinishedRecord("package", f"p{number}", record.version, {"state": "Failed"})
        temporary_work.add(tx, Work(left.id, left.kind, DEAD, (str(folder),), launches, unfinished))
    return folder


def rows(memory: Memory) -> list[Work]:
    with memory.reading() as tx:
        return temporary_work.list_work(tx)


def test_a_clean_run_leaves_nothing(memory: Memory, fake: FakeTarget, work: TemporaryWork) -> None:
    with work.begin("test") as item:
        draft = memory.folder / "packages" / ".draft"
        item.own(draft)
        (item.folder / "file").touch()
        draft.mkdir(parents=True)
        with item.running(fake, spec(item.folder), silent) as handle:
            (row,) = rows(memory)
            assert row == item.work
            assert row.launches[0].handle == fake.pack(handle)
            assert fake.find(cleanup.spec_of(row.launches[0].spec)) == handle
        assert fake.services[handle.key].stopped
        assert rows(memory)[0].launches == ()
    assert rows(memory) == []
    assert not item.folder.exists()
    assert not draft.exists()


def test_an_error_passes_through_and_is_kept(memory: Memory, fake: FakeTarget, work: TemporaryWork) -> None:
    def fail() -> None:
        with work.begin("test") as item:
            with memory.writing() as tx:
                asset = assets.add(tx, "package", "p", {"state": "Running", "error": ""})
                item.unfinished(tx, asset, state="Failed")
            with item.running(fake, spec(item.folder), silent):
                raise ValueError("no way")

    with pytest.raises(ValueError, match="no way"):
        fail()
    with memory.reading() as tx:
        assert assets.get(tx, "package", "p").record == {"state": "Failed", "error": "no way"}
    assert rows(memory) == []
    assert fake.services[1].stopped


def test_what_cannot_be_stopped_is_left_to_the_next_sweep(
    memory: Memory, fake: FakeTarget, work: TemporaryWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LaunchFailed("fake", "it is away")

    def fail() -> None:
        with work.begin("test") as item, item.running(fake, spec(item.folder), silent):
            pass

    with pytest.MonkeyPatch.context() as away:
        away.setattr(FakeTarget, "stop", refuse)
        with pytest.raises(LaunchFailed, match="it is away"):
            fail()
    (row,) = rows(memory)
    assert (row.owner, row.attempts) == (None, 1)
    work.sweep(CLEANER)
    assert rows(memory) == [row]  # not due yet
    monkeypatch.setattr(temporary_work, "now", lambda tx: 1e11)
    work.sweep(CLEANER)
    assert rows(memory) == []
    assert fake.services[1].stopped
    assert not Path(row.folders[0]).exists()


def test_a_sweep_cleans_up_after_a_dead_process(
    memory: Memory, fake: FakeTarget, work: TemporaryWork, tmp_path: Path
) -> None:
    known, unknown, never = (spec(tmp_path / name) for name in ("known", "unknown", "never"))
    handle = fake.launch(known, silent)
    fake.launch(unknown, silent)  # killed before the handle was written
    folder = left_over(
        memory,
        tmp_path,
        0,
        Launch("fake", cleanup.record_of(known), fake.pack(handle)),
        Launch("fake", cleanup.record_of(unknown)),
        Launch("fake", cleanup.record_of(never)),
    )
    assert daemon.has_work(memory)
    work.sweep(CLEANER)
    assert [service.stopped for service in fake.services.values()] == [True, True]
    with memory.reading() as tx:
        record = assets.get(tx, "package", "p0").record
    assert record == {"state": "Failed", "error": "the process that ran it ended", "log": ["one"]}
    assert not folder.exists()
    assert rows(memory) == []
    assert not daemon.has_work(memory)


@pytest.mark.parametrize("state", ["Succeeded", "deleted"])
def test_a_record_that_does_not_say_running_stays(
    memory: Memory, work: TemporaryWork, tmp_path: Path, state: str
) -> None:
    left_over(memory, tmp_path)
    with memory.writing() as tx:
        if state == "deleted":
            assets.remove(tx, "package", "p0")
        else:
            assets.replace(tx, "package", "p0", 1, {"state": state})
    work.sweep(CLEANER)
    assert rows(memory) == []
    with memory.reading() as tx:
        there = assets.newest_of_each(tx, "package")
    assert [asset.record for asset in there] == ([] if state == "deleted" else [{"state": state}])


def test_an_error_of_one_does_not_hinder_the_others(
    memory: Memory, work: TemporaryWork, tmp_path: Path
) -> None:
    bad = left_over(memory, tmp_path, 1, Launch("gone", cleanup.record_of(spec(tmp_path))))
    good = left_over(memory, tmp_path, 2)
    work.sweep(CLEANER)
    (row,) = rows(memory)
    assert (row.folders, row.owner, row.attempts) == ((str(bad),), None, 1)
    assert bad.exists()
    assert not good.exists()
    assert not daemon.has_work(memory)  # until it is due


def test_two_supervisors_sweep_at_once(
    memory: Memory, work: TemporaryWork, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [left_over(memory, tmp_path, number) for number in range(5)]
    start = threading.Barrier(2)

    def sweep() -> None:
        start.wait()
        work.sweep(ProcessIdentity.current().mark())

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert rows(memory) == []
    assert not any(folder.exists() for folder in folders)
    assert caplog.records == []


def test_an_engine_cleans_up_when_it_is_opened(
    memory: Memory, make_engine: MakeEngine, targets: Targets, tmp_path: Path
) -> None:
    def supervisors() -> int:
        return sum(thread.name == "mlmagic-supervisor" for thread in threading.enumerate())

    before = supervisors()
    make_engine(targets=targets.load)
    assert supervisors() == before
    folder = left_over(memory, tmp_path)
    make_engine(targets=targets.load)
    wait_for(lambda: rows(memory) == [], "the cleaning up")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("/tmp/mlmagic-test-1", True),
        ("/elsewhere/mlmagic-test-1", True),
        ("/data/space/packages/.draft", True),
        ("/tmp/mlmagic-test-2", False),
        ("/data/space", False),
        ("/data/space/../other", False),
        ("/", False),
        ("mlmagic-test-1", False),
    ],
)
def test_which_folders_may_be_removed(folder: str, allowed: bool) -> None:
    assert cleanup.may_remove(Work("1", "test", None), Path(folder), Path("/data/space")) == allowed
