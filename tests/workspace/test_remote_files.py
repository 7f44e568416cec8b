"""A team's store of contents: two folders stand for two machines."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mlmagic.core.model import ModelDescription, StoredFile
from mlmagic.core.names import ModelReference
from mlmagic.errors import InvalidConfig, NotFound, UsageError, WorkspaceUnavailable
from mlmagic.workspace import models
from mlmagic.workspace.files import FileStore
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.remote_files import RemoteFiles, shown

pytestmark = pytest.mark.together

WORDS = b"a model"
DIGEST = hashlib.sha256(WORDS).hexdigest()
FILE = StoredFile("m.bin", DIGEST, len(WORDS))


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return (tmp_path / "the team's").as_uri().replace("%20", " ").replace("%27", "'")
    return f"memory://{tmp_path.name}"


@pytest.fixture
def contents(url: str) -> RemoteFiles:
    return RemoteFiles(url, "ws")


@pytest.fixture
def here(contents: RemoteFiles, tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "here", contents)


@pytest.fixture
def there(contents: RemoteFiles, tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "there", contents)


def _publish(store: FileStore) -> None:
    with store.intake() as intake:
        intake.take_bytes(WORDS, "m.bin")
        intake.send()
        intake.publish()


def _in_store(url: str, under: str = "") -> list[str]:
    files, root = fsspec.core.url_to_fs(url)
    return [Path(path).name for path in files.find(f"{root}/{under}")]


def test_what_one_machine_publishes_another_fetches_once(
    here: FileStore, there: FileStore, url: str, tmp_path: Path
) -> None:
    _publish(here)
    assert _in_store(url) == [DIGEST]
    assert not there.path(DIGEST).exists()
    there.lay_out([FILE], tmp_path / "out")
    assert (tmp_path / "out" / "m.bin").read_bytes() == WORDS
    assert there.contents is not None
    there.contents.remove(DIGEST)  # now only the copy can answer
    there.copy_out([FILE], tmp_path / "again")
    assert (tmp_path / "again" / "m.bin").read_bytes() == WORDS
    assert not there.has_intakes


def test_a_missing_content_is_told_with_its_hash_and_store(there: FileStore, tmp_path: Path) -> None:
    assert there.contents is not None
    for store, name in ((there, there.contents.shown), (FileStore(tmp_path / "alone"), "alone")):
        with pytest.raises(NotFound) as told:
            store.lay_out([FILE], tmp_path / "out")
        assert DIGEST in str(told.value)
        assert name in str(told.value)


def test_a_damaged_content_is_told_and_not_kept(here: FileStore, there: FileStore, url: str) -> None:
    _publish(here)
    files, root = fsspec.core.url_to_fs(url)
    (path,) = files.find(root)
    if files.protocol != "memory":
        Path(path).unlink(missing_ok=True)
    files.pipe_file(path, b"something else")
    with pytest.raises(WorkspaceUnavailable, match=f"file {DIGEST} .* is damaged"):
        there.fetched(DIGEST)
    assert not there.path(DIGEST).exists()


def test_an_upload_that_breaks_off_leaves_nothing(
    here: FileStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    assert here.contents is not None
    monkeypatch.setattr(here.contents._files, "mv", full)
    with pytest.raises(WorkspaceUnavailable, match=r"cannot be used: no space left\. Check that"):
        _publish(here)
    assert _in_store(url) == []


def test_what_was_removed_after_it_was_sent_is_sent_again(here: FileStore, url: str) -> None:
    with here.intake() as intake:
        intake.take_bytes(WORDS, "m.bin")
        intake.send()
        assert here.contents is not None
        here.contents.remove(DIGEST)
        intake.publish()
    assert _in_store(url) == [DIGEST]


@pytest.fixture
def team(location: Location, url: str) -> Location:
    return replace(location, files_url=url)


def _register(memory: Memory, name: str) -> None:
    with memory.files.intake() as intake:
        intake.take_bytes(WORDS, "m.bin")
        intake.send()
        with memory.writing() as tx:
            intake.publish()
            models.add(tx, ModelDescription(name), [FILE])


def _forget(memory: Memory, name: str) -> None:
    with memory.writing() as tx:
        models.remove(tx, ModelReference(name, 1))


def test_a_content_leaves_the_store_with_its_last_model(team: Location, url: str) -> None:
    memory = Memory(team)
    _register(memory, "a")
    _register(memory, "b")
    _forget(memory, "a")
    assert _in_store(url) == [DIGEST]
    _forget(memory, "b")
    assert _in_store(url) == []
    memory.close()


def test_a_removal_that_fails_removes_nothing(team: Location, url: str) -> None:
    memory = Memory(team)
    _register(memory, "a")

    def fail() -> None:
        with memory.writing() as tx:
            models.remove(tx, ModelReference("a", 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with memory.writing():
        pass
    assert _in_store(url) == [DIGEST]
    assert memory.files.fetched(DIGEST).read_bytes() == WORDS
    memory.close()


def test_what_was_sent_for_nothing_is_removed(team: Location, url: str) -> None:
    memory = Memory(team)

    def fail() -> None:
        with memory.files.intake() as intake:
            intake.take_bytes(WORDS, "m.bin")
            intake.send()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with memory.writing():
        pass
    assert _in_store(url) == []
    memory.close()


def test_a_store_that_is_away_when_something_is_deleted_costs_room_only(
    team: Location, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError("away")

    memory = Memory(team)
    _register(memory, "a")
    assert memory.files.contents is not None
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patch:
        patch.setattr(memory.files.contents._files, "rm_file", away)
        _forget(memory, "a")
    assert "Files that nothing refers to were not removed" in caplog.text
    with memory.reading() as tx:
        assert models.names(tx) == []
    memory.close()
    assert _in_store(url) == [DIGEST]
    Memory(team).close()
    assert _in_store(url) == [], "it is removed when the workspace is opened again"


def test_workspaces_that_share_a_store_do_not_share_contents(url: str, tmp_path: Path) -> None:
    one, two = (
        Memory(replace(Location.of_folder(tmp_path / name), files_url=url)) for name in ("one", "two")
    )
    _register(one, "a")
    _register(two, "a")
    assert _in_store(url) == [DIGEST] * 2
    _forget(one, "a")
    two.files.path(DIGEST).unlink()
    assert two.files.fetched(DIGEST).read_bytes() == WORDS
    one.close()
    two.close()


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("/mnt/team", InvalidConfig, r"files_url '/mnt/team' must be a URL that fsspec knows"),
        ("nonsense://x", InvalidConfig, r"Protocol not known: nonsense.*For example s3://bucket/prefix"),
        ("gdrive://x", UsageError, r"the file store gdrive://x needs another package"),
    ],
)
def test_a_store_that_cannot_be_is_refused(url: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        RemoteFiles(url, "ws")


def test_without_fsspec_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError, match=r'pip install "mlmagic\[team\]"'):
        RemoteFiles("memory://x", "ws")


def test_credentials_are_never_shown() -> None:
    assert shown("ftp://ada:secret@h/x?password=secret") == "ftp://h/x"
    assert shown("s3://bucket/prefix") == "s3://bucket/prefix"


@pytest.mark.processes
def test_what_a_killed_process_had_sent_is_swept(tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mlmagic.workspace.remote_files import RemoteFiles\n"
        "from mlmagic.workspace.files import FileStore\n"
        "with FileStore(Path(sys.argv[1]), RemoteFiles(sys.argv[2], 'ws')).intake() as intake:\n"
        "    intake.take_bytes(b'a model', 'm.bin')\n"
        "    intake.send()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "here"), url], check=False)
    assert _in_store(url) == [DIGEST]
    store = FileStore(tmp_path / "here", RemoteFiles(url, "ws"))
    assert store.sweep(lambda digest: False) == 1
    assert _in_store(url) == []
