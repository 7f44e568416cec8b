"""One turn at one service: do the next step, write down what is true now.

Each step is "is it there? else make it", so a turn that was cut short by a kill is simply done again by
whoever takes the lease. No transaction is open while a target or a service is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlmagic.engine.steps import pace
from mlmagic.engine.steps.candidate import CandidateSteps
from mlmagic.engine.steps.ending import EndingSteps
from mlmagic.engine.steps.rules import Step, next_step
from mlmagic.engine.steps.serving import ServingSteps


class Turn(CandidateSteps, ServingSteps, EndingSteps):
    """One service, one turn. `take` does it and returns the seconds until the next."""

    def take(self) -> float:
        steps: Mapping[Step, Callable[[], float]] = {
            Step.DELETE: self._delete,
            Step.STOP: self._stop,
            Step.DISCARD: self._discard,
            Step.RETIRE: self._retire,
            Step.LAUNCH: self._launch,
            Step.WATCH_CANDIDATE: self._watch_candidate,
            Step.WATCH_SERVING: self._watch_serving,
            Step.REST: lambda: pace.WHILE_SERVING,
        }
        step = next_step(self.service)
        if step is not Step.LAUNCH and self.health.restart_at is None:
            self.makings.drop(self.service.id)
        return steps[step]()
