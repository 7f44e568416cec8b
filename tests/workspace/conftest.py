"""The workspace's tests run on each kind of database; those on a server are no unit tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.workspace.location import Location
from tests.support.postgresql import Server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.processes)])
def location(request: pytest.FixtureRequest, location: Location) -> Location:
    if request.param == "sqlite":
        return location
    server: Server = request.getfixturevalue("postgresql")
    return replace(location, database_url=server.new_database())
