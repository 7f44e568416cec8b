"""What a process leaves that is killed in the middle of temporary work; the next supervisor cleans up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mlmagic.core.package import PackageState
from mlmagic.core.profile import ProfileState
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import cleanup, daemon
from mlmagic.workspace import temporary_work
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.temporary_work import Work
from tests.support.docker_engine import DockerEngine
from tests.support.engines import MakeEngine
from tests.support.processes import processes_in, run_and_die
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

# After the prelude of `run_and_die`.
SETUP = """
import threading, time
from mlmagic.core.batch import BatchPlan
from mlmagic.engine.batch.inputs import Files
from mlmagic.core.package import PackageKind
from mlmagic.core.profile import ProfilePlan
from mlmagic.engine.http.client import Client
from mlmagic.engine.packages import packages
from mlmagic.engine.services import cleanup

def die_when_there(file):
    def watch():
        while not file.exists():
            time.sleep(0.01)
        die()
    threading.Thread(target=watch, daemon=True).start()

folder = engine.location.folder
flag = folder / "started"
ECHO = InferenceConfig("score.py", script_text="def init(): pass\\ndef run(data): return data\\n")
SLOW = InferenceConfig("score.py", script_text=f'''
import pathlib, subprocess, sys, time
def init(): pass
def run(data):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    pathlib.Path({str(flag)!r}).touch()
    time.sleep(100)
''')
"""
PARITY = """
engine.services.wait(engine.services.deploy("svc", [], ECHO))
{killed}
engine.parity.check("svc", {target!r}, [b"1"])
"""
PROFILE = """
def watch(progress, profile):
    if progress.words.endswith(": 1 client"):
        die()
plan = ProfilePlan("p", (1.0,), (0.5,), seconds=60, target={target!r})
engine.profiles.measure(plan, [], ECHO, [b"1"], watching=watch)
"""
PACKAGE = """
packages._write_folder = die
engine.packages.create([], ECHO, kind=PackageKind.FOLDER, image_name="left")
"""
BATCH = """
die_when_there(flag)
plan = BatchPlan(process_count=2)
engine.batch.run(plan, SLOW, Files(["a", "b"]), folder / "output", folder / "job")
"""
REHEARSAL = """
die_when_there(flag)
engine.scripts.rehearse(SLOW, [], 1)
"""
SWEEP = """
begun = engine.temporary_work.begin("test")
item = begun.__enter__()
cleanup._remove = die
engine.temporary_work.sweep(item.work.owner)
"""

Kill = Callable[[str], None]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary folders of the killed process."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def killed(make_engine: MakeEngine, temporary: Path) -> Kill:
    """Runs code in another process, which must end by kill -9."""
    opened = make_engine()

    def run(code: str) -> None:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TMPDIR", str(temporary))
            run_and_die(opened, SETUP + code, timeout=120)

    return run


def rows(location: Location) -> list[Work]:
    memory = Memory(location)
    with memory.reading() as tx:
        found = temporary_work.list_work(tx)
    memory.close()
    return found


def check_clean(make_engine: MakeEngine, location: Location, temporary: Path) -> Engine:
    """Open the workspace; what the row names must be gone soon."""
    left = processes_in(temporary)
    assert [Path(work.folders[0]).parent for work in rows(location)] == [temporary]
    engine = make_engine()
    wait_for(lambda: rows(location) == [], "the cleaning up")
    assert list(temporary.glob("mlmagic-*")) == []
    _, alive = psutil.wait_procs(left, timeout=10)
    assert alive == []
    assert processes_in(temporary) == []
    return engine


@pytest.mark.parametrize(
    "code",
    [
        "Client.answer = die",
        "launch = LocalTarget.launch; LocalTarget.launch = lambda *args: die(launch(*args))",
        "from mlmagic.engine.services import parity; parity.wait_until_up = die",
    ],
    ids=["while it answers", "before the handle was written", "while it starts"],
)
def test_a_comparison_deployment(
    killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path, code: str
) -> None:
    killed(PARITY.format(killed=code, target="local"))
    if "answer" in code:
        assert processes_in(temporary)
    engine = check_clean(make_engine, location, temporary)
    assert engine.requests.score("svc", 1) == "1"  # the service itself goes on


@pytest.mark.parametrize("code", [PACKAGE, PROFILE.format(target="local")], ids=["package", "profile"])
def test_a_record_says_so_before_anybody_has_cleaned_up(
    killed: Kill, make_engine: MakeEngine, code: str
) -> None:
    killed(code)
    reader = make_engine(supervise=False)
    kind = reader.packages if code is PACKAGE else reader.profiles
    [found] = kind.list()
    assert kind.get(found.name) == found
    assert found.state in (PackageState.FAILED, ProfileState.CANCELED)
    assert found.error == "the process that ran it ended"
    kind.delete(found.name)
    assert kind.list() == []


def test_a_record_says_so_while_somebody_cleans_up(
    killed: Kill, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(PACKAGE)
    reader = make_engine(supervise=False)
    seen = []
    monkeypatch.setattr(cleanup, "end_processes_in", lambda folders: seen.extend(reader.packages.list()))
    reader.temporary_work.sweep(ProcessIdentity.current().mark())
    assert [(each.state, each.error) for each in seen] == [
        (PackageState.FAILED, "the process that ran it ended")
    ]


def test_a_package(killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path) -> None:
    killed(PACKAGE)
    drafts = location.folder / "packages"
    assert len(list(drafts.iterdir())) == 1
    engine = check_clean(make_engine, location, temporary)
    found = engine.packages.get("left")
    assert (found.state, found.error) == (PackageState.FAILED, "the process that ran it ended")
    assert list(drafts.iterdir()) == []


def test_a_profile(killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path) -> None:
    killed(PROFILE.format(target="local"))
    found = check_clean(make_engine, location, temporary).profiles.get("p")
    assert (found.state, found.error, found.words) == (
        ProfileState.CANCELED,
        "the process that ran it ended",
        "",
    )


@pytest.mark.parametrize("code", [BATCH, REHEARSAL], ids=["batch", "rehearsal"])
def test_processes_of_scripts(
    killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path, code: str
) -> None:
    killed(code)
    assert processes_in(temporary)
    check_clean(make_engine, location, temporary)


@pytest.mark.parametrize("code", [PARITY, PROFILE], ids=["parity", "profile"])
def test_containers(
    killed: Kill,
    make_engine: MakeEngine,
    location: Location,
    temporary: Path,
    docker: DockerEngine,
    code: str,
) -> None:
    def containers() -> str:
        return docker.docker("ps", "--all", "--quiet", "--filter", "label=mlmagic.service")

    assert containers() == ""
    killed(code.format(killed="Client.answer = die", target="docker"))
    assert containers()
    check_clean(make_engine, location, temporary)
    assert containers() == ""


def test_a_kill_in_the_middle_of_cleaning_up(
    killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path
) -> None:
    killed(SWEEP)
    check_clean(make_engine, location, temporary)


def test_the_daemon_cleans_up_where_no_kernel_does(
    killed: Kill, make_engine: MakeEngine, location: Location, temporary: Path
) -> None:
    def daemon_has_left() -> bool:
        with daemon._daemon_lock(location.folder) as free:
            return free

    killed(PACKAGE)
    make_engine(supervise=False, use_daemon=True)
    wait_for(lambda: rows(location) == [], "the cleaning up")
    wait_for(daemon_has_left, "the daemon's end")
    assert list(temporary.glob("mlmagic-*")) == []
