"""All comparisons that a run has been asked for, two at a time, as their tests wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scoring.differential.comparisons import Comparisons
from tests.support.environments import python_with

AT_ONCE = 2
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.fixture(scope="session")
def comparisons(request: pytest.FixtureRequest) -> Iterator[Comparisons]:
    pool = ThreadPoolExecutor(AT_ONCE)
    made = Comparisons(python_with(REQUIREMENTS, "reference"), pool)
    for item in request.session.items:
        asked = getattr(item, "callspec", None)
        if asked and "case" in asked.params and "installed" in asked.params:
            made.begin(asked.params["case"], asked.params["installed"])
    yield made
    pool.shutdown(cancel_futures=True)
