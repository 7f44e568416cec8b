"""What a workspace shows to a user who may only read it, or not even that: in a notebook and in a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.workspace.location import Location
from tests.support.another_user import run_as_another_user
from tests.support.lost_databases import fill, has_one_line_with_a_remedy, stored

pytestmark = pytest.mark.processes

LISTED = {
    "%services": "svc ",
    "%models": "m  ",
    "%events": "registered m:1",
    "service list": "svc ",
    "service show -n svc": '"name": "svc"',
    "model list": "m  ",
    "events list": "registered m:1",
}
REFUSED = (
    "%register weights --name n",
    "%update svc --description other",
    "%delete svc",
    "model delete -i m:1",
    "model register -n n -p /etc/hostname",
    "service delete -n svc",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a model and a service."""
    location = Location.of_folder(tmp_path / "my models")
    fill(location)
    return location.folder


def test_a_read_only_workspace_is_listed_and_not_changed(folder: Path, tmp_path: Path) -> None:
    before = stored(folder)
    shown = run_as_another_user(folder, [*LISTED, *REFUSED], tmp_path / "own")
    for line, expected in LISTED.items():
        assert expected in shown[line], line
    for line in REFUSED:
        assert has_one_line_with_a_remedy(shown[line]), (line, shown[line])
        assert "Ask its owner for the permission" in shown[line], (line, shown[line])
    assert stored(folder) == before


def test_a_workspace_that_may_not_be_read_is_refused(folder: Path, tmp_path: Path) -> None:
    lines = [*LISTED, *REFUSED]
    shown = run_as_another_user(folder, lines, tmp_path / "own", may_read=False)
    for line in lines:
        assert shown[line].startswith("WorkspaceUnavailable: "), (line, shown[line])
        assert "Check that it is a folder that you may read and write." in shown[line], line
        assert shown[line].count("\n") == 1, line
