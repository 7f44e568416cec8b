"""Interleave the measurements of a profile's sizes, so that a slow phase of the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mlmagic.core.sizing import has_room
from mlmagic.engine.profiles.trial import Trial


def interleaved(trials: Sequence[Trial], free_bytes: Callable[[], int]) -> Iterator[Trial]:
    """Run all trials; yields each after its first round. The caller closes them.

    The services run side by side and are loaded one at a time, while the memory suffices for all of them.
    Otherwise a trial is finished before the next one begins.
    """
    for number, trial in enumerate(trials, 1):
        trial.begin()
        if not has_room(trial.watch.peak_bytes, len(trials) - number, free_bytes()):
            while trial.go_on():
                pass
            trial.close()
        yield trial
    while [trial for trial in trials if trial.go_on()]:
        pass
