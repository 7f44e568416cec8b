"""Files go after the rows that needed them: a kill in between leaves a file too many, never one too few."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.core import revisions
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription, StoredFile
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound
from mlmagic.scoring import report
from mlmagic.workspace import models, services
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

CONTENT = b"a model"
CHANGED = InferenceConfig("score.py", script_text="def init(): pass\ndef run(data): return 2\n")
DIGEST = hashlib.sha256(CONTENT).hexdigest()

# Deletes the model of the workspace argv[1], and is killed when its file is to be removed.
DELETE = """
import os, signal, sys
from pathlib import Path
from mlmagic.core.webservice import Revision
from mlmagic.engine.engine import Engine
from mlmagic.workspace.files import FileStore
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False)
remove = FileStore.remove
def die(store, digest):
    if sys.argv[2] == "after":
        remove(store, digest)
    os.kill(os.getpid(), signal.SIGKILL)
FileStore.remove = die
engine.models.delete("m:1")
"""

# Stores a file in the workspace argv[1], whose name does not reach the disk, and ends.
FAIL = """
import errno, os, sys
from pathlib import Path
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False)
(Path(sys.argv[1]) / "m.bin").write_bytes(b"a model")
replace = os.replace
def full(source, place):
    replace(source, place)
    if "files" in Path(place).parts:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.replace = full
engine.models.register(Path(sys.argv[1]) / "m.bin", ModelDescription("m"))
"""

# Serves in the folder argv[1], for the lock, until its input ends.
SERVE = """
import sys
from mlmagic.scoring.report import RunDirectory

claimed = RunDirectory.claim(sys.argv[1])
print("serving", flush=True)
sys.stdin.read()
"""


def register(memory: Memory, name: str, content: bytes = CONTENT) -> None:
    with memory.files.intake() as intake:
        file = intake.take_bytes(content, "m.bin")
        with memory.writing() as tx:
            intake.publish()
            models.add(tx, ModelDescription(name), [file])


def remove(memory: Memory, name: str) -> None:
    with memory.writing() as tx:
        models.remove(tx, ModelReference(name, 1))


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "files").rglob("*") if path.is_file())


@pytest.mark.processes
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_a_model_is_deleted(when: str, tmp_path: Path) -> None:
    location = Location.of_folder(tmp_path / "ws")
    memory = Memory(location)
    register(memory, "m")
    memory.close()
    done = subprocess.run(
        [sys.executable, "-c", DELETE, str(location.folder), when],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    memory = Memory(location)
    with memory.reading() as tx, pytest.raises(NotFound):
        models.get(tx, ModelReference("m", 1))
    assert stored(location.folder) == [], "opening the workspace removes what is left"
    memory.close()


def test_a_file_goes_with_its_last_model(memory: Memory) -> None:
    register(memory, "a")
    register(memory, "b")
    remove(memory, "a")
    assert stored(memory.folder) == [DIGEST]
    remove(memory, "b")
    assert stored(memory.folder) == []


def test_a_removal_that_is_rolled_back_removes_nothing(memory: Memory) -> None:
    register(memory, "a")

    def fail() -> None:
        with memory.writing() as tx:
            models.remove(tx, ModelReference("a", 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with memory.writing():
        pass
    assert stored(memory.folder) == [DIGEST]
    assert memory.files.fetched(DIGEST).read_bytes() == CONTENT


def test_a_file_that_is_needed_again_stays(memory: Memory) -> None:
    register(memory, "a")
    with memory.writing() as tx:
        models.remove(tx, ModelReference("a", 1))
        models.add(tx, ModelDescription("b"), [StoredFile("m.bin", DIGEST, len(CONTENT))])
    assert stored(memory.folder) == [DIGEST]


def test_what_was_published_for_nothing_goes(memory: Memory) -> None:
    def fail() -> None:
        with memory.files.intake() as intake:
            intake.take_bytes(CONTENT, "m.bin")
            with memory.writing():
                intake.publish()
                raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with memory.writing():
        pass
    assert stored(memory.folder) == []


@pytest.mark.processes
def test_what_was_published_for_nothing_goes_also_if_its_process_ends(location: Location) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAIL, str(location.folder)], capture_output=True, text=True, check=False
    )
    assert "WorkspaceUnavailable: a file could not be stored" in done.stderr
    memory = Memory(location)
    assert stored(memory.folder) == []
    assert list((memory.folder / "incoming").iterdir()) == []
    memory.close()


def test_a_services_files_go_with_its_revisions_and_with_it(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions.to_forget, "__defaults__", (0,))  # or they stay for a rollback
    folder = fake_engine.memory.folder
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    (first,) = stored(folder)
    fake_engine.services.wait(fake_engine.services.update("svc", inference=CHANGED), 20)
    wait_for(lambda: first not in stored(folder), "the end of the first revision's files")
    assert len(stored(folder)) == 1
    fake_engine.services.delete("svc")
    wait_for(lambda: stored(folder) == [], "the end of the service's files")


def test_folders_that_nobody_needs_go_when_the_workspace_is_opened(location: Location) -> None:
    """Half-built folders, revisions without a row, and drafts: of dead processes only."""
    memory = Memory(location)
    config = DeploymentConfig("fake")
    revision = Revision(1, (), InferenceConfig("score.py"), (), config, sys.executable)
    with memory.writing() as tx:
        service = services.create(tx, "svc", revision, None)
    dead, alive = ProcessIdentity.of(2**22 + 1).mark(), ProcessIdentity.current().mark()
    of_service = memory.services_folder / service.id
    kept = {
        f"{service.id}/r1",
        f"{service.id}/r1/.cache",
        f"{service.id}/.{alive}",
        f"{service.id}/r1/.{alive}",
    }
    gone = {
        f"{service.id}/.{dead}/app",
        f"{service.id}/.{'a' * 32}",
        f"{service.id}/r2",
        f"{service.id}/r1/.{dead}",
    }
    for name in (*kept, *gone, "another/r1"):
        (memory.services_folder / name).mkdir(parents=True, exist_ok=True)
    (of_service / "r1" / f".{'b' * 32}").write_text("keys that were to be replaced")
    memory.close()
    Memory(location).close()
    found = {str(path.relative_to(memory.services_folder)) for path in memory.services_folder.rglob("*")}
    assert found == {service.id, *kept}


@pytest.mark.processes
def test_a_service_that_runs_is_never_swept(location: Location) -> None:
    """As after a database was restored from a backup that is older than the service."""
    memory = Memory(location)
    folder = memory.services_folder / "unknown" / "r1"
    report.prepare(folder)
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder)], stdin=-1, stdout=-1)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdout.readline()
    memory.sweep()
    assert folder.is_dir()
    server.communicate()
    memory.sweep()
    assert not folder.parent.exists()
    memory.close()
