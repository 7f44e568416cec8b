"""The order of a profile's measurements, and the resources watched in them."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.usage import Usage
from mlmagic.engine.profiles import resource_usage as watch
from mlmagic.engine.profiles.interleaving import interleaved
from mlmagic.engine.profiles.resource_usage import Watch


class Measured:
    """A trial of two rounds after its first, which uses a hundred bytes."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name, self._log, self._left = name, log, 2
        self.watch = Watch(lambda: Usage(), peak_bytes=100)

    def begin(self) -> None:
        self._log.append(f"{self._name} begins")

    def go_on(self) -> bool:
        if not self._left:
            return False
        self._left -= 1
        self._log.append(self._name)
        return True

    def close(self) -> None:
        self._log.append(f"{self._name} ends")


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (10_000, ["a begins", "b begins", "a", "b", "a", "b"]),
        (100, ["a begins", "a", "a", "a ends", "b begins", "b", "b"]),
    ],
)
def test_sizes_are_interleaved_where_there_is_room(free: int, expected: list[str]) -> None:
    log: list[str] = []
    trials: Any = [Measured(name, log) for name in "ab"]
    given = list(interleaved(trials, lambda: free))
    assert log == expected
    assert given == trials


def test_what_is_used_between_rounds_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, used = [0.0], [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    seen = Watch(lambda: Usage(cpu_seconds=used[0], memory_bytes=1))
    for began in (0.0, 100.0):
        clock[0] = began
        seen.resume()
        clock[0], used[0] = began + 1, used[0] + 0.5
        seen.look()
    assert [(sample.at, sample.cores) for sample in seen.samples] == [(1.0, 0.5), (2.0, 0.5)]
    assert seen.peak_bytes == 1
