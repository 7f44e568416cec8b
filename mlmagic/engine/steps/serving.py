"""Keeping up: what serves is probed and measured, and brought back when it has ended by itself."""

from __future__ import annotations

import contextlib
import time

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase, State, next_state
from mlmagic.engine.gauges import Gauges
from mlmagic.engine.steps import pace
from mlmagic.engine.steps.base import ServiceSteps, record_of
from mlmagic.engine.steps.rules import RESTARTS_BEFORE_FAILED, STEADY_SECONDS, restart_delay
from mlmagic.errors import MLMagicError
from mlmagic.workspace import services

PROBES_BEFORE_UNHEALTHY = 3


class ServingSteps(ServiceSteps):
    """Steps at the revision that serves."""

    def _watch_serving(self) -> float:
        service, health = self.service, self.health
        if health.restart_at is not None:
            return self._restart_when_due(health.restart_at)
        assert service.handle is not None
        seen = self._target.observe(self._target.unpack(service.handle))
        if seen.ended:
            return self._ended(seen)
        state = next_state(service.state, seen, self._answering(seen))
        if state is State.HEALTHY and health.healthy_since is None:
            health.healthy_since = time.monotonic()
        if state is not service.state or (seen.url and seen.url != service.url):
            self._write(
                {"state": state.value, "url": seen.url or service.url, "words": seen.words, "error": None},
                EventKind.STATE_CHANGED,
                f"{state}: {_why(state, seen)}",
            )
        elif state is State.HEALTHY and seen.url:
            self._note_stats(seen, seen.url)
        return pace.WHILE_SERVING if state is State.HEALTHY else pace.WHILE_STARTING

    def _answering(self, seen: Observation) -> bool | None:
        """Patient with what was healthy: one slow answer is not yet an illness."""
        if seen.phase is not Phase.RUNNING or not seen.url:
            return None
        if self.health.probe_of(seen.url, self._cert_file(seen.url)).answers():
            self.health.failed_probes = 0
            return True
        self.health.failed_probes += 1
        return False if self.health.failed_probes >= PROBES_BEFORE_UNHEALTHY else None

    def _ended(self, seen: Observation) -> float:
        """What served has ended by itself: say so, and bring it back unless that was tried too often."""
        service, health = self.service, self.health
        steady = health.healthy_since is not None and time.monotonic() - health.healthy_since > STEADY_SECONDS
        restarts = 1 if steady else service.restarts + 1
        health.healthy_since = None
        error = dict(seen.error) if seen.error else None
        if restarts > RESTARTS_BEFORE_FAILED:
            message = f"it ended {restarts} times in a row; last: {seen.words}"
            self._write(
                {
                    "state": State.FAILED.value,
                    "words": message,
                    "error": error or {"message": message},
                    "stats": {},
                },
                EventKind.STATE_CHANGED,
                f"Failed: {message}",
            )
            return pace.WHILE_SERVING
        health.restart_at = time.monotonic() + restart_delay(restarts)
        self._write(
            {
                "state": State.UNHEALTHY.value,
                "words": seen.words,
                "error": error,
                "restarts": restarts,
                "stats": {},
            },
            EventKind.ENDED,
            f"revision {service.serving} ended: {seen.words}; bringing it back (restart {restarts})",
        )
        return pace.AT_ONCE

    def _restart_when_due(self, due: float) -> float:
        left = due - time.monotonic()
        if left > 0:
            return left
        service = self.service
        self.health.notes.clear()
        try:
            handle = self._start()
            if handle is None:
                return pace.WHILE_BUILDING
            self.health.restart_at = None
        except Exception as error:
            self.health.restart_at = None
            return self._ended(Observation(Phase.EXITED, words=str(error), error=record_of(error)))
        self._write({"handle": handle}, EventKind.LAUNCHED, f"launched revision {service.serving} again")
        return pace.AT_ONCE

    def _note_stats(self, seen: Observation, url: str) -> None:
        gauges = self.health.gauges
        told = self.health.probe_of(url, self._cert_file(url)).stats()
        self._measure(gauges)
        stats = gauges.stats(told, seen.ready, time.monotonic())
        if stats != self.service.stats:
            with self.memory.quietly_writing() as tx:  # those who look do so every second anyway
                services.note_stats(tx, self.service, stats)

    def _measure(self, gauges: Gauges) -> None:
        target = self._target
        if not target.capabilities.measures or not gauges.wants_usage(time.monotonic()):
            return
        assert self.service.handle is not None
        # What a service uses is good to know; a place that cannot be asked now is no illness.
        with contextlib.suppress(MLMagicError, OSError):
            gauges.note_usage(target.usage(target.unpack(self.service.handle)), time.monotonic())


def _why(state: State, seen: Observation) -> str:
    if state is State.HEALTHY:
        return f"answers at {seen.url}"
    if state is State.UNHEALTHY:
        return f"does not answer ({seen.words})"
    return seen.words
