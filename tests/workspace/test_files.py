from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.errors import NotFound, UsageError
from mlmagic.workspace.file_writing import copy_and_hash
from mlmagic.workspace.files import FileStore

pytestmark = pytest.mark.together


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (4 << 20) + 1, 21_000_003])
def test_a_copy_is_the_file_and_its_hash(size: int, tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    content = os.urandom(size)
    source.write_bytes(content)
    assert copy_and_hash(source, target) == (hashlib.sha256(content).hexdigest(), size)
    assert target.read_bytes() == content


def test_a_folder_keeps_its_base_name(store: FileStore, tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"a")
    (folder / "sub" / "b.bin").write_bytes(b"b")
    with store.intake() as intake:
        files = intake.take(folder)
        intake.publish()
    assert [file.path for file in files] == ["my model/a.bin", "my model/sub/b.bin"]
    store.lay_out(files, tmp_path / "out")
    assert (tmp_path / "out" / "my model" / "sub" / "b.bin").read_bytes() == b"b"


def test_child_paths_restrict(store: FileStore, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (folder / name).write_text(name)
    with store.intake() as intake:
        assert [file.path for file in intake.take(folder, ["a", "sub"])] == ["m/a", "m/sub/c"]
        with pytest.raises(NotFound, match="Child path not found: 'x'"):
            intake.take(folder, ["x"])
        with pytest.raises(UsageError, match=r"child path '../store' must not contain '..'"):
            intake.take(folder, ["../store"])
        with pytest.raises(UsageError, match="need a folder"):
            intake.take(folder / "a", ["a"])


def test_missing_and_empty_are_refused(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with store.intake() as intake:
        with pytest.raises(NotFound, match="nowhere"):
            intake.take(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="holds no files"):
            intake.take(tmp_path / "empty")


def test_the_same_content_is_kept_once(store: FileStore) -> None:
    with store.intake() as intake:
        one, two = intake.take_bytes(b"same", "x"), intake.take_bytes(b"same", "y")
        intake.publish()
    assert one.digest == two.digest
    assert store.path(one.digest).read_bytes() == b"same"


def test_what_is_not_published_is_gone(store: FileStore) -> None:
    with store.intake() as intake:
        file = intake.take_bytes(b"x", "x")
    assert not store.path(file.digest).exists()
    assert not store.has_intakes


@pytest.mark.processes
def test_what_a_killed_process_left_is_swept(store: FileStore, tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mlmagic.workspace.files import FileStore\n"
        "with FileStore(Path(sys.argv[1])).intake() as intake:\n"
        "    file = intake.take_bytes(b'orphan', 'x')\n"
        "    intake.take_bytes(b'kept', 'y')\n"
        "    intake.publish()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "store")], check=False)
    orphan, kept = (hashlib.sha256(content).hexdigest() for content in (b"orphan", b"kept"))
    assert store.path(orphan).exists()
    assert store.sweep(lambda digest: digest == kept) == 1
    assert not store.path(orphan).exists()
    assert store.path(kept).exists()
    assert not store.has_intakes


def test_a_living_owners_intake_is_left_alone(store: FileStore) -> None:
    with store.intake() as intake:
        intake.take_bytes(b"x", "x")
        assert store.sweep(lambda digest: False) == 0
        intake.publish()
