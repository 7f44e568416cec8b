"""Does one reconciliation step for one service: looks, acts, and writes down what is true now.

Each step is "is it there? else make it", so a step that a kill cut short is simply done again by the next
holder of the lease. No transaction is open while a target or a service is asked.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.events import EventKind, endpoint_subject
from mlmagic.core.follow import FollowState
from mlmagic.core.notices import NOTICE_DATA, model_deployed
from mlmagic.core.paths import join_part
from mlmagic.core.request_counts import RequestCounts
from mlmagic.core.webservice import Observation, Phase, State, Webservice, check_move
from mlmagic.engine import staging
from mlmagic.engine.endpoints import rollouts, routes
from mlmagic.engine.http import probe
from mlmagic.engine.services.reconcile import decisions, pace
from mlmagic.engine.services.reconcile.decisions import Decision, News
from mlmagic.engine.services.reconcile.health import Health
from mlmagic.engine.services.reconcile.launcher import Launcher, Waiting, record_of
from mlmagic.engine.services.reconcile.planner import (
    STEADY_SECONDS,
    Step,
    handles_of,
    next_step,
)
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, LaunchFailed, MLMagicError, PortTaken, TargetUnavailable
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import events, follows, history, services, traffic_history
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

HUNG_GRACE_SECONDS = 1.0
STARTING_GRACE_SECONDS = 30.0
"""So much longer than init_timeout_seconds a start may take: the server ends it itself, unless it hangs."""
"""How long a service that does not answer has to end by itself."""
_BUILDING = frozenset({Step.LAUNCH, Step.DISCARD, Step.RETIRE})
"""The steps until a launch: a revision that replaces another needs the same build, mostly."""
_RESTARTING = frozenset({Step.WATCH_CANDIDATE, Step.WATCH_SERVING})
"""The steps that launch again what has ended; any other step means that something else is wanted."""


@dataclass(slots=True)
class Reconciler:
    """One service, one step: `take` does it and returns the seconds until the next."""

    memory: Memory
    targets: Targets
    launcher: Launcher
    service: Webservice
    health: Health

    def take(self) -> float:
        """Do the next step."""
        steps: Mapping[Step, Callable[[], float]] = {
            Step.DELETE: self._delete,
            Step.STOP: self._stop,
            Step.DISCARD: lambda: self._write(decisions.discarded(self.service)),
            Step.RETIRE: self._retire,
            Step.LAUNCH: self._launch,
            Step.WATCH_CANDIDATE: self._watch_candidate,
            Step.WATCH_SERVING: self._watch_serving,
            Step.REST: lambda: pace.WHILE_SERVING,
        }
        step = next_step(self.service)
        if step not in _RESTARTING:
            self.health.restart_at = None
        if step not in _BUILDING and self.health.restart_at is None:
            self.launcher.cancel(self.service)
        if step is not Step.WATCH_SERVING:
            self.health.routes = ""  # another revision may have changed what was sent
        return steps[step]()

    def show_failure(self, reason: str) -> float:
        """Show why a step has failed; a service that answers all the same stays Healthy."""
        service = self.service
        answering = None
        if service.serving is not None and service.url and not self._may_idle(service.serving):
            answering = self._answering(Observation(Phase.RUNNING, url=service.url))
        return self._write(decisions.step_failed(service, reason, answering))

    # -- starting the wanted revision -----------------------------------------------------------------

    def _launch(self) -> float:
        self.health.notes.clear()
        try:
            handle = self.launcher.launch(self.service, self.health.notes)
        except PortTaken as error:
            return self._write(decisions.unschedulable(self.service, record_of(error)))
        except Exception as error:
            return self._candidate_failed(record_of(error))
        if isinstance(handle, Waiting):
            return self._wait_for(handle)
        return self._write(decisions.launched(self.service, handle, self.health.notes))

    def _watch_candidate(self) -> float:
        service = self.service
        assert service.candidate is not None
        assert service.candidate_handle is not None
        name = self._target_name(service.candidate)
        target = self.targets.get(name)
        if self.health.restart_at is not None:
            return self._relaunch_candidate(target, self.health.restart_at)
        seen = self._observe(target, service.candidate, service.candidate_handle)
        answering = None
        if decisions.takes_calls(seen):
            answering = probe.answers(str(seen.url), self._cert_file(str(seen.url)))
        if seen.ended:
            if decisions.is_port_taken(seen.error):
                assert seen.error is not None
                return self._restart_later(decisions.unschedulable(service, seen.error))
            error = dict(seen.error) if seen.error else {"message": seen.words or "the process ended"}
            return self._candidate_failed(error)
        return self._write(decisions.candidate_observed(service, seen, answering, self._handles(), name))

    def _observe(self, target: ComputeTarget[Any], revision: int, packed: Mapping[str, Any]) -> Observation:
        """What the target sees of a launch; one that has been starting for too long is ended."""
        handle = target.unpack(packed)
        seen = target.observe(handle)
        starting_for = self.health.starting_for(packed, starting=seen.phase is Phase.STARTING)
        if starting_for and not target.capabilities.restarts:
            limit = self._config_of(revision).init_timeout_seconds
            if starting_for > limit + STARTING_GRACE_SECONDS:
                target.halt(handle, grace=HUNG_GRACE_SECONDS)
                return decisions.start_overdue(limit)
        return seen

    def _relaunch_candidate(self, target: ComputeTarget[Any], due: float) -> float:
        """Launch the candidate again, whose port was in use."""
        left = due - time.monotonic()
        if left > 0:
            return left
        service = self.service
        assert service.candidate is not None
        try:
            target.validate(self._config_of(service.candidate))  # init() need not run to find it taken
            handle = self.launcher.launch(service, self.health.notes)
        except (InvalidConfig, TargetUnavailable):
            self.health.restart_at = time.monotonic() + pace.WHILE_SERVING
            return pace.WHILE_SERVING
        except Exception as error:
            self.health.restart_at = None
            return self._candidate_failed(record_of(error))
        if isinstance(handle, Waiting):
            return self._wait_for(handle)
        self.health.restart_at = None
        return self._write(decisions.candidate_relaunched(service, handle))

    def _candidate_failed(self, error: Mapping[str, Any]) -> float:
        service = self.service
        previous = None
        if service.serving is not None:
            with self.memory.reading() as tx:
                previous = services.get_revision(tx, service.id, service.serving)
        handle = service.candidate_handle
        return self._write(decisions.failed_candidate(service, error, handle, self._handles(), previous))

    def _wait_for(self, waiting: Waiting) -> float:
        """Show how far a build is."""
        if waiting.words != self.service.words:
            self._write(Decision({"words": waiting.words}))
        return pace.WHILE_BUILDING

    # -- watching what serves -------------------------------------------------------------------------

    def _watch_serving(self) -> float:
        service, health = self.service, self.health
        if health.restart_at is not None:
            return self._restart_when_due(health.restart_at)
        assert service.serving is not None
        assert service.handle is not None
        if service.endpoint is not None:
            routes.deliver(self.memory, service)  # a version may have moved
            with contextlib.suppress(TargetUnavailable, LaunchFailed):  # `observe` says so
                self.health.routes = routes.send(self.memory, self.targets, service, self.health.routes)
        target = self.targets.get(service.target)
        seen = self._observe(target, service.serving, service.handle)
        if seen.ended:
            return self._ended(seen)
        decision = decisions.serving_observed(service, seen, self._answering(seen))
        failed_for = health.failed_for()
        hangs = failed_for and not target.capabilities.restarts
        if hangs and failed_for > self._config_of(service.serving).liveness_seconds:
            return self._end_hung(target)
        state = State(decision.changes.get("state", service.state))
        if state is State.HEALTHY and health.healthy_since is None:
            health.healthy_since = time.monotonic()
        now = time.monotonic()
        if target.capabilities.scales and health.scaling.is_due(service, seen, now):
            assert service.replicas is not None
            target.scale(target.unpack(service.handle), service.replicas)
        if health.scaling.is_fresh(now) and seen.ready != service.replicas:
            decision = replace(decision, delay=pace.WHILE_STARTING)
        if decision.changes:
            return self._write(decision)
        if seen.idle:
            self._write_stats({**service.stats, "replicas": 0.0})
        elif state is State.HEALTHY and decisions.is_up(seen):
            self._note_stats(target, seen, str(seen.probe_url or seen.url))
        return decision.delay

    def _answering(self, seen: Observation) -> bool | None:
        """The probe of what serves; one slow answer does not make a Healthy service Unhealthy."""
        if not decisions.is_up(seen):
            if seen.phase is Phase.STARTING:
                # As when a request wakes it: what its last replica did not answer is over.
                self.health.note_probe(answered=True)
            return None
        if seen.idle:
            self.health.forget()  # a probe would keep it from being idle
            self.health.note_probe(answered=True)
            return True
        url = str(seen.probe_url or seen.url)
        answered = self.health.probe_of(url, self._cert_file(url)).answers()
        self.health.note_probe(answered=answered)
        if answered:
            return True
        failing = decisions.fails_steadily(self.health.failed_probes, self.health.failed_for())
        return False if failing else None

    def _ended(self, seen: Observation) -> float:
        health = self.health
        was_steady = (
            health.healthy_since is not None and time.monotonic() - health.healthy_since > STEADY_SECONDS
        )
        health.healthy_since = None
        return self._restart_later(decisions.serving_ended(self.service, seen, was_steady=was_steady))

    def _end_hung(self, target: ComputeTarget[Any]) -> float:
        """End what has failed its liveness probes for too long, so that it is launched again."""
        seen = decisions.hung(self.health.failed_for())
        self.health.forget()
        assert self.service.handle is not None
        target.halt(target.unpack(self.service.handle), grace=HUNG_GRACE_SECONDS)
        self.health.note_probe(answered=True)
        return self._ended(seen)

    def _restart_later(self, decision: Decision) -> float:
        if decision.restart_after is not None:
            self.health.restart_at = time.monotonic() + decision.restart_after
        return self._write(decision)

    def _restart_when_due(self, due: float) -> float:
        left = due - time.monotonic()
        if left > 0:
            return left
        self.health.notes.clear()
        try:
            handle = self.launcher.launch(self.service, self.health.notes)
        except TargetUnavailable as error:
            return self._restart_later(decisions.relaunch_postponed(self.service, str(error)))
        except Exception as error:
            self.health.restart_at = None
            return self._ended(Observation(Phase.EXITED, words=str(error), error=record_of(error)))
        if isinstance(handle, Waiting):
            return self._wait_for(handle)
        self.health.restart_at, self.health.routes = None, ""
        return self._write(decisions.relaunched(self.service, handle))

    def _note_stats(self, target: ComputeTarget[Any], seen: Observation, url: str) -> None:
        metrics = self.health.usage
        found = self.health.probe_of(url, self._cert_file(url)).metrics()
        at = time.monotonic()
        self._measure(target)
        stats = metrics.stats(found.stats, seen.ready, at)
        if found.counts is not None:
            self._note_traffic(found.counts, stats, at)
        self._write_stats(stats)
        if self.service.endpoint is not None:
            self._note_versions(found.versions, at)

    def _note_versions(self, versions: Mapping[str, Any], at: float) -> None:
        """Write what an endpoint's versions have answered, and go on with its rollout."""
        meter = self.health.versions
        meter.add(versions, at)
        figures = meter.figures()
        if figures != self.service.version_figures:
            with self.memory.writing_quietly() as tx:
                services.note_versions(tx, self.service, figures)
        rollouts.advance(self.memory, self.service, meter)

    def _write_stats(self, stats: Mapping[str, float]) -> None:
        if stats != self.service.stats:
            with self.memory.writing_quietly() as tx:  # viewers read them every second anyway
                services.note_stats(tx, self.service, stats)

    def _note_traffic(self, counts: RequestCounts, stats: Mapping[str, float], at: float) -> None:
        traffic = self.health.traffic
        if traffic.is_new:  # another supervisor may have measured it until now
            with self.memory.reading() as tx:
                before = traffic_history.last_counts(tx, self.service.id)
            if before is not None:
                traffic.resume(before[0], at - before[1])
        traffic.add(counts, stats, at)

    def _measure(self, target: ComputeTarget[Any]) -> None:
        metrics = self.health.usage
        if not target.capabilities.measures or not metrics.wants_usage(time.monotonic()):
            return
        assert self.service.handle is not None
        # An unavailable target does not make its service Unhealthy.
        with contextlib.suppress(MLMagicError, OSError):
            metrics.note_usage(target.usage(target.unpack(self.service.handle)), time.monotonic())

    # -- ending revisions -----------------------------------------------------------------------------

    def _retire(self) -> float:
        service = self.service
        self.health.forget()  # a server waits for the next request of a connection that was used just now
        for old in service.retiring:
            self._end(old.revision, old.handle)
            staging.unstage(self.memory, service, old.revision)
        with self.memory.writing() as tx:
            if services.observe(tx, service, {"retiring": []}):
                for old in service.retiring:
                    history.retire(tx, service.id, old.revision)
                history.prune(tx, service.id)
        return pace.AT_ONCE

    def _stop(self) -> float:
        handles = self._end_all(keep_image=True)
        name = self._target_name(self.service.revision)
        return self._write(decisions.stopped(self.service, handles, name))

    def _delete(self) -> float:
        service = self.service
        self._end_all(keep_image=False)
        # The row goes last: who waits for the end finds nothing left.
        folder = join_part(self.memory.services_folder, service.id, "id of a service")
        shutil.rmtree(folder, ignore_errors=True)
        with self.memory.writing() as tx:
            if services.observe(tx, service, {}):
                services.remove(tx, service, f"deleted {service.name}")
        return pace.AT_ONCE

    def _end_all(self, *, keep_image: bool) -> dict[int, Mapping[str, Any] | None]:
        """End every revision; returns their handles. The wanted one may be started again from its image."""
        service = self.service
        self.health.forget()
        handles = self._handles()
        for number, handle in handles.items():
            if keep_image and number == service.revision and handle:
                target = self._target_of(number)
                target.halt(target.unpack(handle))
                self._end_unrecorded(number, target, target.halt)
            else:
                self._end(number, handle)
        return handles

    def _end(self, number: int, handle: Mapping[str, Any] | None) -> None:
        """End a revision, whether or not its handle is known."""
        if handle is None and not staging.run_folder(self.memory, self.service, number).is_dir():
            return  # it never ran, so its target need not be there
        target = self._target_of(number)
        if handle is not None:
            target.stop(target.unpack(handle))
        self._end_unrecorded(number, target, target.stop)

    def _end_unrecorded(self, number: int, target: ComputeTarget[Any], end: Callable[[Any], None]) -> None:
        """End a launch of a revision whose handle was not recorded, as something else was wanted by then.

        It may be the second one: of a service that was started again, or that had ended.
        """
        if not staging.run_folder(self.memory, self.service, number).is_dir():
            return
        launched = target.find(staging.stage(self.memory, self.service, number))
        if launched is not None:
            end(launched)

    # -- shared ---------------------------------------------------------------------------------------

    def _write(self, decision: Decision) -> float:
        """Write a decision, and in the same transaction what follows from it; returns its delay."""
        if "state" in decision.changes:
            check_move(self.service.state, State(decision.changes["state"]))
        if decision.changes:
            with self.memory.writing() as tx:
                written = services.observe(
                    tx,
                    self.service,
                    decision.changes,
                    kind=decision.kind,
                    message=decision.message,
                    data=decision.data,
                )
                if written:
                    self._report(tx, decision)
                    if not {"url", "serving"}.isdisjoint(decision.changes):
                        routes.deliver_to_endpoints_of(self.memory, tx, self.service.name)
            # A launch may be at another address inside, though its URL is the same.
            if written and not {"url", "serving", "state"}.isdisjoint(decision.changes):
                routes.send_to_endpoints_of(self.memory, self.targets, self.service.name)
        return decision.delay

    def _report(self, tx: Connection, decision: Decision) -> None:
        service = self.service
        if decision.news is News.FAILED:
            follows.settle(tx, service, service.revision, FollowState.FAILED, decision.news_text)
        elif decision.news is News.DEPLOYED:
            history.note_healthy(tx, service.id, service.revision)
            follows.settle(tx, service, service.revision, FollowState.DONE)
            self._publish_deployed(tx)

    def _publish_deployed(self, tx: Connection) -> None:
        """Publish ModelDeployed once a revision, however often it is started."""
        service = self.service
        if service.endpoint is not None:
            return  # its versions have models
        mark = {"revision": service.revision}
        subject = endpoint_subject(service.id)
        if events.is_there(tx, EventKind.MODEL_DEPLOYED, subject, mark):
            return
        notice = model_deployed(
            service.id, service.name, service.target, service.models, service.tags, service.properties
        )
        message = f"{service.name} serves {notice.data['ModelIds'] or 'a script without models'}"
        events.append(tx, notice.kind, subject, message, {**mark, NOTICE_DATA: dict(notice.data)})

    def _handles(self) -> dict[int, Mapping[str, Any] | None]:
        with self.memory.reading() as tx:
            return handles_of(self.service, services.revision_numbers(tx, self.service.id))

    def _target_of(self, number: int) -> ComputeTarget[Any]:
        return self.targets.get(self._target_name(number))

    def _target_name(self, number: int) -> str:
        with self.memory.reading() as tx:
            return services.target_of(tx, self.service, number)

    def _config_of(self, number: int) -> DeploymentConfig:
        with self.memory.reading() as tx:
            return services.get_revision(tx, self.service.id, number).config

    def _may_idle(self, number: int) -> bool:
        """Whether a probe could start a replica that nobody calls."""
        return self._config_of(number).idle_timeout_seconds is not None

    def _cert_file(self, url: str) -> str | None:
        """The file of the certificate that the wanted revision shows; None without one."""
        if not url.startswith("https:"):
            return None
        return self._config_of(self.service.revision).ssl_cert_pem_file
