"""One engine of a workspace for all fronts of a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.workspace.known_workspaces import known
from mlmagic.workspace.location import Location

pytestmark = pytest.mark.together


def test_threads_that_ask_at_once_get_the_same_one(location: Location) -> None:
    with ThreadPoolExecutor(8) as pool:
        engines = set(pool.map(lambda _: Engine.of(location), range(8)))
    (engine,) = engines
    engine.close()
    assert location.key in [each.key for each in known()]
