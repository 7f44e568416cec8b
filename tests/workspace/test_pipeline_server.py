"""The files of the server of published pipelines."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.pipeline_server import PipelineServerFiles, ServerAddress


def test_it_is_wanted_until_it_is_not(tmp_path: Path) -> None:
    files = PipelineServerFiles(tmp_path)
    assert (files.module(), files.address(), files.end_of_log()) == (None, None, "")
    files.unwant()
    with files.lock() as free:
        assert not free, "there is no folder: nobody has wanted it"
    files.want("a.module")
    files.want("a.module")
    assert files.module() == "a.module"
    files.write_address(4711)
    address = files.address()
    assert address is not None
    assert (address.port, address.is_served) == (4711, True)
    with files.open_log() as log:
        log.write(b"x" * 5000 + b"the end\n")
    assert files.end_of_log().endswith("xthe end")
    files.unwant()
    assert files.module() is None
    assert files.address() == address, "the port is kept"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "pipeline-server").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "pipeline-server").stat().st_mode) == 0o700


def test_one_process_holds_the_lock(tmp_path: Path) -> None:
    files = PipelineServerFiles(tmp_path)
    files.want("a.module")
    with files.lock() as first, PipelineServerFiles(tmp_path).lock() as second:
        assert (first, second) == (True, False)
    with files.lock() as again:
        assert again


@pytest.mark.parametrize(
    ("owner", "is_served"),
    [
        (str(ProcessIdentity.current()), True),
        (f"{machine()}@1-0-0", False),
        ("nonsense", False),
    ],
    ids=["runs", "ended", "nonsense"],
)
def test_a_server_whose_process_has_ended_is_not_served(owner: str, is_served: bool) -> None:
    assert ServerAddress(4711, owner).is_served is is_served
