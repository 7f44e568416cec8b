"""What is on the disk, and in which order: no committed row ever refers to a file that power loss empties."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

REGISTER = """
import sys
from pathlib import Path
from mlmagic.core.model import ModelDescription
from mlmagic.core.names import ModelReference
from mlmagic.workspace import models
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

memory = Memory(Location.of_folder(Path(sys.argv[1])))
with memory.files.intake() as intake:
    file = intake.take_bytes(b"a model", "m.bin")
    with memory.writing() as tx:
        intake.publish()
        models.add(tx, ModelDescription("m"), [file])
        print("recorded", flush=True)
with memory.writing() as tx:
    models.remove(tx, ModelReference("m", 1))
    print("removed", flush=True)
"""
CALLS = "fsync,fdatasync,rename,unlink,pwrite64,write"


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The system calls of a process that registers a model and deletes it, as "NAME PATHS"."""
    folder = tmp_path_factory.mktemp("power") / "ws"
    Memory(Location.of_folder(folder)).close()
    trace = folder.parent / "trace"
    command = ["strace", "-f", "-y", "-s", "16", "-o", str(trace), "-e", f"trace={CALLS}"]
    subprocess.run(
        [*command, sys.executable, "-c", REGISTER, str(folder)],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    found = []
    for line in trace.read_text().splitlines():
        made = re.match(r"\d+ +(\w+)\((.*)", line)
        if made and (str(folder) in line or "recorded" in line or "removed" in line):
            found.append(f"{made[1]} {made[2].replace(str(folder), '')}")
    return found


def _index(calls: list[str], pattern: str, start: int = 0) -> int:
    for number, call in enumerate(calls[start:], start):
        if re.search(pattern, call):
            return number
    raise AssertionError(f"{pattern} is not among the calls:\n" + "\n".join(calls[start:]))


@pytest.mark.processes
def test_a_file_and_its_name_are_on_the_disk_before_its_row(calls: list[str]) -> None:
    written = _index(calls, r"^write .*/incoming/.*a model")
    synced = _index(calls, r"^fsync .*/incoming/", written)
    moved = _index(calls, r"^rename .*/files/../", synced)
    named = _index(calls, r"^fsync .*/files/..>", moved)
    recorded = _index(calls, r"^write .*recorded", moved)
    assert named < recorded
    above = _index(calls, r"^fsync .*/files>", moved)
    assert above < recorded
    committed = _index(calls, r"^pwrite64 .*workspace\.db-wal", recorded)
    assert _index(calls, r"^f(data)?sync .*workspace\.db-wal", committed) > committed


@pytest.mark.processes
def test_a_row_is_off_the_disk_before_its_file(calls: list[str]) -> None:
    removed = _index(calls, r"^write .*removed")
    committed = _index(calls, r"^f(data)?sync .*workspace\.db-wal", removed)
    assert _index(calls, r"^unlink .*/files/../", removed) > committed
