"""The trials of a profile, turn by turn: what slows the machine for a while slows all sizes alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mlmagic.core.sizing import has_room
from mlmagic.engine.profiles.trial import Trial


def in_turns(trials: Sequence[Trial], free_bytes: Callable[[], int]) -> Iterator[Trial]:
    """Make all trials; each is given when it has begun. Who made them closes them.

    They are up beside each other, and loaded one at a time, as long as there is room for all; one after which
    there is not is finished before the next begins.
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
