from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlmagic.workspace.location import Location
from tests.support.jupyter_server import Server, jupyter_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyter_server(tmp_path_factory.mktemp("labserver")) as made:
        yield made


@pytest.fixture
def location(server: Server, monkeypatch: pytest.MonkeyPatch) -> Location:
    """The workspace of the server's process, for an engine of the test's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(server.home))
    return server.location
