"""Bringing up: the wanted revision is launched, watched until it answers, and serves; or it has failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlmagic.core.events import EventKind, endpoint_subject
from mlmagic.core.follow import FollowState
from mlmagic.core.notices import TOLD, model_deployed
from mlmagic.core.webservice import Observation, Phase, Retiring, State, next_state
from mlmagic.engine import probe
from mlmagic.engine.steps import pace
from mlmagic.engine.steps.base import ServiceSteps, record_of
from mlmagic.workspace import events, follows, services

if TYPE_CHECKING:
    from sqlalchemy import Connection


class CandidateSteps(ServiceSteps):
    """Steps at a revision that does not serve yet."""

    def _launch(self) -> float:
        service = self.service
        self.health.notes.clear()
        try:
            handle = self._start()
        except Exception as error:
            return self._candidate_failed(record_of(error), None)
        if handle is None:
            return pace.WHILE_BUILDING
        self._write(
            {"candidate": service.revision, "candidate_handle": handle, "words": "starting"},
            EventKind.LAUNCHED,
            f"launched revision {service.revision}",
            {"notes": self.health.notes},
        )
        return pace.AT_ONCE

    def _watch_candidate(self) -> float:
        service = self.service
        assert service.candidate_handle is not None
        seen = self._target.observe(self._target.unpack(service.candidate_handle))
        answering = None
        if seen.phase is Phase.RUNNING and seen.url:
            answering = probe.answers(seen.url, self._cert_file(seen.url))
        state = next_state(State.TRANSITIONING, seen, answering)
        if state is State.HEALTHY:
            return self._promote(seen)
        if state is State.FAILED:
            return self._candidate_failed(_error_of(seen), service.candidate_handle)
        if state is not service.state or seen.words != service.words:
            kind = EventKind.STATE_CHANGED if state is not service.state else None
            self._write({"state": state.value, "words": seen.words}, kind, f"{state}: {seen.words}")
        return pace.WHILE_STARTING

    def _promote(self, seen: Observation) -> float:
        """The candidate answers: it serves from now on, and what served before is retired.

        Healthy is said only when the old revision has ended: until then a caller may still be answered by
        it, as both listen at the same address.
        """
        service = self.service
        retiring = self._replaced()
        state = State.TRANSITIONING if retiring else State.HEALTHY
        done = f"revision {service.candidate} answers at {seen.url}"
        self._write(
            {
                "state": state.value,
                "serving": service.candidate,
                "handle": service.candidate_handle,
                "candidate": None,
                "candidate_handle": None,
                "retiring": [asdict(old) for old in retiring],
                "url": seen.url,
                "words": "the revision before finishes its requests" if retiring else seen.words,
                "error": None,
                "stats": {},
            },
            EventKind.STATE_CHANGED,
            f"{state}: {done}",
            also=self._tell_deployed,
        )
        return pace.AT_ONCE

    def _tell_deployed(self, tx: Connection) -> None:
        """A revision answers the engine's probe: that is told once, however often it is started."""
        service = self.service
        follows.settle(tx, service, service.revision, FollowState.DONE)
        mark = {"revision": service.revision}
        subject = endpoint_subject(service.id)
        if events.is_there(tx, EventKind.MODEL_DEPLOYED, subject, mark):
            return
        told = model_deployed(
            service.id, service.name, service.target, service.models, service.tags, service.properties
        )
        message = f"{service.name} serves {told.data['ModelIds'] or 'a script without models'}"
        events.append(tx, told.kind, subject, message, {**mark, TOLD: dict(told.data)})

    def _candidate_failed(self, error: Mapping[str, Any], handle: Mapping[str, Any] | None) -> float:
        """A new service is Failed, with its log kept; an update goes back to what served before."""
        service = self.service
        message = ": ".join(filter(None, [error.get("type"), str(error.get("message", ""))]))
        if service.serving is None:
            self._write(
                {
                    "state": State.FAILED.value,
                    "handle": handle,
                    "candidate": None,
                    "candidate_handle": None,
                    # The log of this one is kept; nobody needs what failed or was stopped before it.
                    "retiring": [asdict(old) for old in self._replaced()],
                    "words": message,
                    "error": dict(error),
                },
                EventKind.STATE_CHANGED,
                f"Failed: {message}",
                {"error": dict(error)},
                also=lambda tx: self._tell_failed(tx, message),
            )
            return pace.WHILE_SERVING
        with self.memory.reading() as tx:
            previous = services.get_revision(tx, service.id, service.serving)
        retiring = [*service.retiring, Retiring(service.revision, handle)]
        self._write(
            {
                "state": State.HEALTHY.value,
                "revision": service.serving,
                "models": list(previous.models),
                "candidate": None,
                "candidate_handle": None,
                "retiring": [asdict(old) for old in retiring],
                "words": f"revision {service.revision} failed; {service.serving} keeps serving",
                "error": {**error, "revision": service.revision},
            },
            EventKind.ROLLED_BACK,
            f"revision {service.revision} failed ({message}); revision {service.serving} keeps serving",
            {"error": dict(error)},
            also=lambda tx: self._tell_failed(tx, f"{message}; revision {service.serving} keeps serving"),
        )
        return pace.AT_ONCE

    def _tell_failed(self, tx: Connection, words: str) -> None:
        follows.settle(tx, self.service, self.service.revision, FollowState.FAILED, words)

    def _replaced(self) -> list[Retiring]:
        """All revisions but the wanted one: it serves, or has failed, and they are not needed."""
        others = self._handles().items()
        return [Retiring(number, handle) for number, handle in others if number != self.service.revision]


def _error_of(seen: Observation) -> dict[str, Any]:
    return dict(seen.error) if seen.error else {"message": seen.words or "it ended"}
