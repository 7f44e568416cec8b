"""Endpoints for the tests of a file, and for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .endpoint import Endpoint


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """One that has nothing yet."""
    made = Endpoint(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A router and two versions, blue and green, for all tests of a file."""
    made = Endpoint(tmp_path_factory.mktemp("endpoint"))
    made.start("blue")
    made.start("green")
    made.route({"blue": 100, "green": 0})
    made.serve()
    yield made
    made.close()
