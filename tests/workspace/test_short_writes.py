"""A disk that takes less than it is given: what is stored is whole, or an error says that it is not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.files import FileStore

pytestmark = pytest.mark.together

SIZES = [3 << 20, 9 << 20]

# Registers the file argv[2] in the workspace argv[1], on a disk that takes 1 MB of each file.
REGISTER = """
import resource, sys
from pathlib import Path
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
try:
    engine.models.register(sys.argv[2], ModelDescription("big"))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(engine.models.list())
engine.close()
"""


@pytest.mark.processes
@pytest.mark.parametrize("size", SIZES)
def test_a_model_is_not_registered_when_the_disk_is_full(size: int, tmp_path: Path) -> None:
    source, folder = tmp_path / "model.bin", tmp_path / "ws"
    source.write_bytes(os.urandom(size))
    done = subprocess.run(
        [sys.executable, "-c", REGISTER, str(folder), str(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    error, models = done.stdout.strip().rsplit("\n", 1)
    assert error.startswith("WorkspaceUnavailable: ")
    assert "could not be stored" in error
    assert models == "[]"
    assert [path for path in (folder / "files").rglob("*") if path.is_file()] == []
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_write_that_takes_a_part_is_continued(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: 1 << 20]))
    content, source, store = os.urandom(size), tmp_path / "model.bin", FileStore(tmp_path / "ws")
    source.write_bytes(content)
    with store.intake() as intake:
        taken = [intake.take_file(source, "a"), intake.take_bytes(content, "b")]
        intake.publish()
    for file in taken:
        assert (file.digest, file.size) == (hashlib.sha256(content).hexdigest(), size)
        assert store.path(file.digest).read_bytes() == content


@pytest.mark.parametrize("size", SIZES)
def test_a_write_that_takes_nothing_raises(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, source, store = os.urandom(size), tmp_path / "model.bin", FileStore(tmp_path / "ws")
    source.write_bytes(content)
    monkeypatch.setattr(os, "write", lambda descriptor, data: 0)
    with store.intake() as intake:
        with pytest.raises(WorkspaceUnavailable, match="could not be stored"):
            intake.take_file(source, "a")
        with pytest.raises(WorkspaceUnavailable, match="could not be stored"):
            intake.take_bytes(content, "b")
        intake.publish()
    assert [path for path in (tmp_path / "ws" / "files").rglob("*") if path.is_file()] == []
