"""Measuring side by side: the candidates take turns, so that the machine's mood falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved(candidates: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each candidate, ``rounds`` times in turn, after one uncounted round."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            if number:
                taken[name].append(time.perf_counter() - started)
    return taken


def table(taken: Mapping[str, list[float]], *, against: str | None = None) -> str:
    """Minimum, median and maximum in milliseconds; with ``against``, the ratio round by round."""
    lines = [f"{'':44}{'min':>10}{'median':>10}{'max':>10}   milliseconds"]
    for name, seconds in taken.items():
        figures = (min(seconds), statistics.median(seconds), max(seconds))
        lines.append(f"{name:44}" + "".join(f"{figure * 1000:10.1f}" for figure in figures))
    if against is not None:
        for name, seconds in taken.items():
            if name != against:
                ratios = [a / b for a, b in zip(seconds, taken[against], strict=True)]
                lines.append(f"{f'{name} / {against}':64}{statistics.median(ratios):10.2f}   times (median)")
    return "\n".join(lines)
