"""The resource usage of a service under load, sampled at short intervals."""

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
    """Samples a service's resource usage; time between its rounds of load is not counted."""

    usage: Callable[[], Usage]
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int = 0
    _seconds: float = 0.0
    """The total time of the samples."""
    _last: tuple[float, Usage] | None = None

    def resume(self) -> None:
        """Start a new interval, at the beginning of a round or at the end of all."""
        self._last = None
        self.look()

    def look(self) -> None:
        """Take a sample during a round."""
        now, used = time.monotonic(), self.usage()
        self.peak_bytes = max(self.peak_bytes, used.peak_bytes, used.memory_bytes)
        if self._last is None:
            self._last = (now, used)
            return
        then, before = self._last
        if used is before:  # a target that measures seldom returns the reading before
            return
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
    """Average each ``width`` neighbouring samples to reduce noise; of memory, take the maximum."""
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
