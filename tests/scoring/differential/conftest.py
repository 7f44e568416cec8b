"""All comparisons that a run has been asked for, two at a time, as their tests wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.environments import python_with

from .comparison import Comparison, compare
from .zoo import CASES, Case

AT_ONCE = 2
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Comparisons:
    """Each is begun once: when it is asked for, or ahead of that by `begin`."""

    def __init__(self, python: Path, pool: ThreadPoolExecutor) -> None:
        self._python = python
        self._pool = pool
        self._begun: dict[tuple[str, bool], Future[Comparison]] = {}

    def begin(self, case: Case, installed: bool) -> Future[Comparison]:
        key = (case.script, installed)
        if key not in self._begun:
            self._begun[key] = self._pool.submit(compare, case, self._python, installed=installed)
        return self._begun[key]

    def of(self, case: Case, installed: bool) -> Comparison:
        return self.begin(case, installed).result()

    def all(self) -> list[Comparison]:
        return [future.result() for future in [self.begin(*each) for each in EVERY]]


EVERY = [(case, False) for case in CASES] + [(case, True) for case in CASES if case.own_schema]


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
