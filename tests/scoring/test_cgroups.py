"""A service's cgroup: what a script starts is a member, and empty groups do not stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.scoring import cgroups
from mlmagic.scoring.cgroups import CONFINEMENT_PREFIX, MEMBERSHIP, join_service_group, members_of
from tests.support.processes import needs_root


@pytest.fixture
def unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like that of cgroups version 2, with this process in the group ``/own``."""
    (tmp_path / "cgroup.controllers").write_text("")
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(cgroups, "own_groups", lambda: {"": "/own"})
    return tmp_path


def test_a_new_group_is_below_the_own_one_and_this_process_joins_it(unified: Path) -> None:
    folder = Path(join_service_group(unified))
    assert folder.parent == unified / "own"
    assert (folder / "cgroup.procs").read_text() == "0"


def test_groups_without_members_are_removed_when_the_next_is_made(unified: Path) -> None:
    empty = unified / "own" / "mlmagic-service-1"
    used = unified / "own" / "mlmagic-service-2"
    others = unified / "own" / "other"
    for folder in (empty, used / "member", others):
        folder.mkdir(parents=True)
    join_service_group(unified)
    assert not empty.exists()
    assert used.exists()
    assert others.exists()


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("/own/mlmagic-service-1", "own"),  # of a zygote: the next is beside it
        ("/not/seen/here", "."),
        (f"/own/{CONFINEMENT_PREFIX}1", None),  # a profile's limits must hold
    ],
)
def test_where_the_group_is_made(
    unified: Path, monkeypatch: pytest.MonkeyPatch, own: str, found: str | None
) -> None:
    (unified / "own" / f"{CONFINEMENT_PREFIX}1").mkdir()
    monkeypatch.setattr(cgroups, "own_groups", lambda: {"": own})
    folder = join_service_group(unified)
    assert (Path(folder).parent if folder else None) == (unified / found if found else None)


def test_without_cgroups_there_is_no_group(tmp_path: Path) -> None:
    assert join_service_group(tmp_path / "none") == ""


@pytest.mark.parametrize("text", [None, "", "/no/such/group"])
def test_without_a_group_there_are_no_members(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MEMBERSHIP).write_text(text)
    assert members_of(tmp_path) == set()


@pytest.mark.processes
def test_a_program_started_by_a_member_is_a_member(tmp_path: Path) -> None:
    needs_root()
    code = (
        "import pathlib, subprocess, sys\n"
        "from mlmagic.scoring.cgroups import join_service_group, record_membership\n"
        "record_membership(pathlib.Path(sys.argv[1]), join_service_group())\n"
        "print(subprocess.Popen(['/bin/cat'], start_new_session=True, env={}).pid, flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert members_of(tmp_path) == {process.pid, child}
        process.kill()
        os.kill(child, 9)
