"""One turn at one service: do the next step, write down what is true now.

Each step is "is it there? else make it", so a turn that was cut short by a kill is simply done again by
whoever takes the lease. No transaction is open while a target or a service is asked.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.events import EventKind, endpoint_subject
from mlmagic.core.follow import FollowState
from mlmagic.core.notices import TOLD, model_deployed
from mlmagic.core.webservice import Observation, Phase, Retiring, State, Webservice, next_state
from mlmagic.engine import probe, staging
from mlmagic.engine.environments.builds import Builds
from mlmagic.engine.makings import Making, Makings
from mlmagic.engine.probe import Probe
from mlmagic.engine.step import (
    RESTARTS_BEFORE_FAILED,
    STEADY_SECONDS,
    Step,
    handles_of,
    next_step,
    restart_delay,
)
from mlmagic.errors import BuildFailed, MLMagicError
from mlmagic.targets.base import BuildsImages, ComputeTarget
from mlmagic.workspace import events, follows, services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUILD = "environment"
"""The phase of a failure before there was anything to start."""
AT_ONCE = 0.0
# The server rings when it is up or has failed; this is for targets whose servers cannot.
WHILE_STARTING = 0.25
# Whoever makes an environment rings when there is news.
WHILE_BUILDING = 0.5
WHILE_SERVING = 2.0
PROBES_BEFORE_UNHEALTHY = 3

NOTES_KEPT = 50
"""Of the lines that a build has told, the last so many are kept with the launch."""

Targets = Callable[[str], ComputeTarget[Any]]


@dataclass(slots=True)
class Health:
    """What a supervisor remembers of a service between turns; nothing is lost with it but patience."""

    probe: Probe | None = None
    failed_probes: int = 0
    healthy_since: float | None = None
    restart_at: float | None = None
    notes: list[str] = field(default_factory=list)

    def probe_of(self, url: str, cert_file: str | None) -> Probe:
        """The probe of this URL; its connection is kept between turns."""
        if self.probe is None or (self.probe.url, self.probe.cert_file) != (url, cert_file):
            self.forget()
            self.probe = Probe(url, cert_file)
        return self.probe

    def forget(self) -> None:
        """Close what is open."""
        if self.probe is not None:
            self.probe.close()
            self.probe = None


@dataclass(slots=True)
class Turn:
    """One service, one turn. `take` does it and returns the seconds until the next."""

    memory: Memory
    targets: Targets
    service: Webservice
    health: Health
    makings: Makings
    builds: Builds

    def take(self) -> float:
        steps: Mapping[Step, Callable[[], float]] = {
            Step.DELETE: self._delete,
            Step.STOP: self._stop,
            Step.DISCARD: self._discard,
            Step.RETIRE: self._retire,
            Step.LAUNCH: self._launch,
            Step.WATCH_CANDIDATE: self._watch_candidate,
            Step.WATCH_SERVING: self._watch_serving,
            Step.REST: lambda: WHILE_SERVING,
        }
        step = next_step(self.service)
        if step is not Step.LAUNCH and self.health.restart_at is None:
            self.makings.drop(self.service.id)
        return steps[step]()

    # -- bringing up ----------------------------------------------------------------------------------

    def _launch(self) -> float:
        service = self.service
        self.health.notes.clear()
        try:
            handle = self._start()
        except Exception as error:
            return self._candidate_failed(_record_of(error), None)
        if handle is None:
            return WHILE_BUILDING
        self._write(
            {"candidate": service.revision, "candidate_handle": handle, "words": "starting"},
            EventKind.LAUNCHED,
            f"launched revision {service.revision}",
            {"notes": self.health.notes},
        )
        return AT_ONCE

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
        return WHILE_STARTING

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
        return AT_ONCE

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
            return WHILE_SERVING
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
        return AT_ONCE

    def _tell_failed(self, tx: Connection, words: str) -> None:
        follows.settle(tx, self.service, self.service.revision, FollowState.FAILED, words)

    # -- keeping up -----------------------------------------------------------------------------------

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
            self._note_stats(seen.url)
        return WHILE_SERVING if state is State.HEALTHY else WHILE_STARTING

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
                {"state": State.FAILED.value, "words": message, "error": error or {"message": message}},
                EventKind.STATE_CHANGED,
                f"Failed: {message}",
            )
            return WHILE_SERVING
        health.restart_at = time.monotonic() + restart_delay(restarts)
        self._write(
            {"state": State.UNHEALTHY.value, "words": seen.words, "error": error, "restarts": restarts},
            EventKind.ENDED,
            f"revision {service.serving} ended: {seen.words}; bringing it back (restart {restarts})",
        )
        return AT_ONCE

    def _restart_when_due(self, due: float) -> float:
        left = due - time.monotonic()
        if left > 0:
            return left
        service = self.service
        self.health.notes.clear()
        try:
            handle = self._start()
            if handle is None:
                return WHILE_BUILDING
            self.health.restart_at = None
        except Exception as error:
            self.health.restart_at = None
            return self._ended(Observation(Phase.EXITED, words=str(error), error=_record_of(error)))
        self._write({"handle": handle}, EventKind.LAUNCHED, f"launched revision {service.serving} again")
        return AT_ONCE

    def _note_stats(self, url: str) -> None:
        stats = self.health.probe_of(url, self._cert_file(url)).stats()
        if stats and stats != self.service.stats:
            self._write({"stats": stats})

    # -- taking down ----------------------------------------------------------------------------------

    def _retire(self) -> float:
        service = self.service
        for old in service.retiring:
            self._end(old.handle)
            staging.unstage(self.memory, service, old.revision)
        with self.memory.writing() as tx:
            if services.observe(tx, service, {"retiring": []}):
                for old in service.retiring:
                    for digest in services.forget_revision(tx, service.id, old.revision):
                        self.memory.files.remove(digest)
        return AT_ONCE

    def _discard(self) -> float:
        service = self.service
        assert service.candidate is not None
        retiring = [*service.retiring, Retiring(service.candidate, service.candidate_handle)]
        self._write(
            {"candidate": None, "candidate_handle": None, "retiring": [asdict(old) for old in retiring]}
        )
        return AT_ONCE

    def _stop(self) -> float:
        wanted, target = self.service.revision, self._target
        handles = self._end_all(keep=target.halt if isinstance(target, BuildsImages) else target.stop)
        self._write(
            {
                "state": State.STOPPED.value,
                "serving": None,
                "handle": handles.pop(wanted, None),
                "candidate": None,
                "candidate_handle": None,
                "retiring": [asdict(Retiring(number, None)) for number in handles],
                "words": "stopped",
                "error": None,
                "stats": {},
            },
            EventKind.STATE_CHANGED,
            "Stopped",
        )
        return AT_ONCE

    def _delete(self) -> float:
        service = self.service
        self._end_all(keep=self._target.stop)
        # The row goes last: whoever waits for its end finds nothing left.
        shutil.rmtree(self.memory.services_folder / service.id, ignore_errors=True)
        with self.memory.writing() as tx:
            for digest in services.remove(tx, service, f"deleted {service.name}"):
                self.memory.files.remove(digest)
        return AT_ONCE

    def _end_all(self, *, keep: Callable[[Any], None]) -> dict[int, Mapping[str, Any] | None]:
        """End every revision, the wanted one with ``keep``; returns what they were known by."""
        service = self.service
        handles = self._handles()
        for number, handle in handles.items():
            if number == service.revision and handle is not None:
                keep(self._target.unpack(handle))
            else:
                self._end(handle)
        if service.candidate is None and service.serving != service.revision:
            # Perhaps launched, by somebody who was killed before the handle could be saved.
            self._end_unsaved()
        return handles

    def _end_unsaved(self) -> None:
        service = self.service
        if staging.run_folder(self.memory, service, service.revision).is_dir():
            handle = self._target.find(staging.stage(self.memory, service))
            if handle is not None:
                self._target.stop(handle)

    # -- shared ---------------------------------------------------------------------------------------

    def _handles(self) -> dict[int, Mapping[str, Any] | None]:
        with self.memory.reading() as tx:
            return handles_of(self.service, services.revision_numbers(tx, self.service.id))

    def _replaced(self) -> list[Retiring]:
        """All revisions but the wanted one: it serves, or has failed, and they are not needed."""
        others = self._handles().items()
        return [Retiring(number, handle) for number, handle in others if number != self.service.revision]

    @property
    def _target(self) -> ComputeTarget[Any]:
        return self.targets(self.service.target)

    def _cert_file(self, url: str) -> str | None:
        """Where the certificate lies that the wanted revision shows; None without one."""
        if not url.startswith("https:"):
            return None
        with self.memory.reading() as tx:
            config = services.get_revision(tx, self.service.id, self.service.revision).config
        return config.ssl_cert_pem_file

    def _start(self) -> Mapping[str, Any] | None:
        """Launch the wanted revision; None while what it needs is being made."""
        service, notes, target = self.service, self.health.notes, self._target
        spec = staging.stage(self.memory, service)
        if target.runs_interpreter:
            found = self.builds.look(service.id, spec.python, spec.environment, Path(spec.run_dir))
            if isinstance(found, Making):
                self._tell(found)
                return None
            notes += found.notes
            spec = replace(spec, python=found.python, server_path=found.server_path)
        elif isinstance(target, BuildsImages):
            wanted = target.image_wanted(spec)
            if wanted is not None:
                made = self.makings.look(service.id, wanted, "its image", partial(target.build, spec))
                if not made.done.is_set():
                    self._tell(made)
                    return None
                notes += made.notes[-NOTES_KEPT:]
        return target.pack(target.launch(spec, notes.append))

    def _tell(self, making: Making) -> None:
        if making.words != self.service.words:
            self._write({"words": making.words})

    def _end(self, handle: Mapping[str, Any] | None) -> None:
        if handle is not None:
            self._target.stop(self._target.unpack(handle))

    def _write(
        self,
        changes: Mapping[str, Any],
        kind: EventKind | None = None,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Write what is true now, and in the same transaction what follows from it."""
        with self.memory.writing() as tx:
            written = services.observe(tx, self.service, changes, kind=kind, message=message, data=data)
            if written and also is not None:
                also(tx)


def _error_of(seen: Observation) -> dict[str, Any]:
    return dict(seen.error) if seen.error else {"message": seen.words or "it ended"}


def _record_of(error: Exception) -> dict[str, Any]:
    if isinstance(error, BuildFailed):
        return {"phase": BUILD, "message": error.message, "traceback": error.log}
    if isinstance(error, MLMagicError):
        return {"message": str(error)}
    return {"message": f"{type(error).__name__}: {error}"}


def _why(state: State, seen: Observation) -> str:
    if state is State.HEALTHY:
        return f"answers at {seen.url}"
    if state is State.UNHEALTHY:
        return f"does not answer ({seen.words})"
    return seen.words
