"""What other users of the machine can reach of a workspace: nothing, unless it is shared with their group."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace import permissions
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.engines import script

# What another user can do with the files below argv[1]: prints those that it could open, or lock.
REACH = """
import fcntl, os, sys
if os.getuid() == 0:
    os.setgroups([int(each) for each in sys.argv[2:]])
    os.setgid(65534)
    os.setuid(65534)
for place, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(place, name)
        try:
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        print(path)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def reachable(folder: Path, *groups: int) -> list[str]:
    """The files that another user of the machine can open and lock; ``groups`` are that user's."""
    if os.getuid():  # only root can act as another user: what the modes say instead
        return [str(path) for path in folder.rglob("*") if path.is_file() and _open_to_all(path, folder)]
    for above in folder.parents:
        if above != Path("/tmp") and Path("/tmp") in above.parents:
            above.chmod(0o755)
    code = [sys.executable, "-I", "-c", REACH, str(folder), *map(str, groups)]
    done = subprocess.run(code, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.splitlines()


def _open_to_all(path: Path, folder: Path) -> bool:
    above = [each for each in path.parents if each == folder or folder in each.parents]
    return bool(mode(path) & 0o004) and all(mode(each) & 0o001 for each in above)


@pytest.mark.parametrize(
    ("before", "shared", "after"),
    [
        (0o755, False, 0o700),
        (0o644, False, 0o600),
        (0o444, False, 0o400),
        (0o2775, True, 0o2770),
        (0o664, True, 0o660),
        (0o600, True, 0o600),
    ],
)
def test_what_stays_allowed(before: int, shared: bool, after: int) -> None:
    assert permissions.allowed(before, shared=shared) == after


@pytest.mark.processes
def test_nobody_else_reaches_a_service_or_its_models(location: Location) -> None:
    """Models, logs, run folders, sockets and locks: another user can neither read nor hold any of them."""
    engine = Engine(location)
    try:
        model = location.folder.parent / "m.bin"
        model.write_text("a model")
        service, _ = engine.services.deploy_object("svc", model, ModelDescription("m"), script())
        engine.services.wait(service)
        assert list(location.folder.rglob("log*"))
        assert list(location.folder.rglob("lock"))
        assert reachable(location.folder) == []
    finally:
        engine.services.delete("svc")
        engine.close()


def test_a_workspace_of_an_earlier_version_is_closed_when_it_is_opened(location: Location) -> None:
    Memory(location).close()
    for path in (location.folder, *location.folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (location.folder / "keeper.lock").touch(0o666)
    Memory(location).close()
    assert mode(location.folder) == 0o700
    assert {mode(path) & 0o077 for path in location.folder.iterdir()} == {0}


def test_a_project_that_holds_a_workspace_stays_as_it_is(location: Location) -> None:
    (location.folder / "notebook.ipynb").touch(0o644)
    location.folder.chmod(0o755)
    Memory(location).close()
    assert (mode(location.folder), mode(location.folder / "notebook.ipynb")) == (0o755, 0o644)
    assert mode(location.folder / "workspace.db") == 0o600
    assert mode(location.folder / "files") == 0o700


@pytest.mark.processes
def test_a_shared_workspace_is_its_groups_and_nobody_elses(location: Location) -> None:
    Memory(location).close()
    group = 4321 if os.getuid() == 0 else os.getgid()
    for path in (location.folder, *location.folder.rglob("*")):
        os.chown(path, -1, group)
        path.chmod(0o2775 if path.is_dir() else 0o664)
    Memory(location).close()
    assert mode(location.folder) == 0o2770
    if os.getuid() == 0:
        assert str(location.folder / "workspace.db") in reachable(location.folder, group)
    assert reachable(location.folder) == []
