"""What a service uses while it is loaded, looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mlmagic.core.configuration import BYTES_PER_GB
from mlmagic.core.profile import Sample
from mlmagic.core.usage import Usage

LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Watch:
    """Looks at what a service uses, and remembers; what it does between its turns does not count."""

    usage: Callable[[], Usage]
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int = 0
    _seconds: float = 0.0
    """For how long it was watched."""
    _last: tuple[float, Usage] | None = None

    def resume(self) -> None:
        """Look anew: a turn begins, or there will be none."""
        self._last = None
        self.look()

    def look(self) -> None:
        """While a turn goes on."""
        now, used = time.monotonic(), self.usage()
        self.peak_bytes = max(self.peak_bytes, used.peak_bytes, used.memory_bytes)
        if self._last is None:
            self._last = (now, used)
            return
        then, before = self._last
        seconds = now - then
        if seconds < LOOK_SECONDS / 2:
            return
        self._seconds += seconds
        self.samples.append(
            Sample(
                round(self._seconds, 3),
                max(0.0, used.cpu_seconds - before.cpu_seconds) / seconds,
                used.memory_bytes / BYTES_PER_GB,
                min(1.0, max(0.0, used.throttled_seconds - before.throttled_seconds) / seconds),
            )
        )
        self._last = (now, used)


def smooth(samples: Sequence[Sample], width: int) -> list[Sample]:
    """The means of so many neighbours each (the largest memory of them): a look's own noise goes."""
    if width <= 1:
        return list(samples)
    return [
        Sample(
            part[-1].at,
            sum(sample.cores for sample in part) / len(part),
            max(sample.memory_gb for sample in part),
            sum(sample.throttled for sample in part) / len(part),
        )
        for part in (samples[at : at + width] for at in range(0, len(samples), width))
    ]
