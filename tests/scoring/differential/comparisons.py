"""All comparisons of a run, two at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .comparison import Comparison, compare
from .zoo import CASES, Case

EVERY = [(case, False) for case in CASES] + [(case, True) for case in CASES if case.own_schema]


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
