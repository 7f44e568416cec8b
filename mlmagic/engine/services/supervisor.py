"""Supervises services: a thread in the process that holds their leases.

It also evaluates alert rules, delivers webhooks, starts the runs of schedules, updates the services that
follow a model, and cleans up after temporary work whose process has ended.

It waits for wake-up signals (a row was written, a server started or failed), for the end of a service whose
target can be watched, and for the time that a reconciliation step returned.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from mlmagic.core.follow import is_ready
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.alerts.evaluation import AlertEvaluation
from mlmagic.engine.collected_data.retention import Retention
from mlmagic.engine.environments.background_jobs import BackgroundJobs
from mlmagic.engine.events.delivery import WebhookDelivery
from mlmagic.engine.models.models import Models
from mlmagic.engine.schedules.starter import ScheduleStarter
from mlmagic.engine.services.deployment import Deployments
from mlmagic.engine.services.follower import Follower
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.reconcile import pace
from mlmagic.engine.services.reconcile.health import Health
from mlmagic.engine.services.reconcile.launcher import Launcher, reason_of
from mlmagic.engine.services.reconcile.reconciler import Reconciler
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.engine.services.traffic_writer import TrafficWriter
from mlmagic.engine.targets import Targets
from mlmagic.errors import MLMagicError, NotFound, WorkspaceUnavailable
from mlmagic.workspace import deliveries, leases, services
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.wakeup import WakeupListener

CLOCK_SECONDS = 1.0
CLEANUP_SECONDS = 10.0
RENEW_WITHIN_SECONDS = leases.LEASE_SECONDS / 2
STEPS_AT_ONCE = 8
TOGETHER_SECONDS = 0.25
"""Healthy services that are due within so long are looked at in one round: each round reads all rows."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Supervised:
    """A service whose lease this supervisor holds."""

    health: Health = field(default_factory=Health)
    due: float = 0.0
    busy: bool = False
    signalled: bool = False
    ended: bool = False
    given_up: bool = False
    error: str = ""
    """Of the last step."""
    watched: int | None = None
    watched_handle: str = ""

    def is_due(self, service: Webservice, now: float) -> bool:
        """A wake-up signal may be about a service in motion; a healthy one is looked at in its own time."""
        in_motion = service.state not in (State.HEALTHY, State.FAILED, State.STOPPED) or service.retiring
        early = TOGETHER_SECONDS if service.state is State.HEALTHY else 0.0
        return self.due - early <= now or self.ended or (self.signalled and bool(in_motion))


class Supervisor:
    """Takes the leases that are free, and reconciles each service it holds."""

    def __init__(self, memory: Memory, targets: Targets, mark: str | None = None) -> None:
        """``mark`` is the name that its leases carry."""
        self._memory = memory
        self._targets = targets
        self.mark = mark or ProcessIdentity.current().mark()
        keys = Keys(memory, targets)
        deployments = Deployments(memory, targets, Models(memory, on_news=lambda: None), keys)
        self._follower = Follower(memory, deployments)
        self._delivery = WebhookDelivery(memory, self.mark)
        self._schedules = ScheduleStarter(memory, self.mark)
        self._temporary_work = TemporaryWork(memory, targets)
        self._retention = Retention(memory)
        self._traffic = TrafficWriter(memory, self.mark)
        self._traffic_write: Future[None] | None = None
        self._alerts = AlertEvaluation(memory, self.mark)
        self._evaluation: Future[None] | None = None
        self._cleanup: Future[None] | None = None
        self._cleanup_due = 0.0
        self._jobs = BackgroundJobs(changed=memory.notify_all)
        self._launcher = Launcher(memory, targets, self._jobs)
        self._supervised: dict[str, _Supervised] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(STEPS_AT_ONCE, thread_name_prefix="mlmagic-reconcile")
        self._selector = selectors.DefaultSelector()
        self._listener: WakeupListener | None = None
        self._held: dict[str, Webservice] = {}
        self._step_done, self._notify_step = socket.socketpair()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start supervising, in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="mlmagic-supervisor", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop, and release the leases, so that another process can take over at once."""
        self._closing.set()
        self._memory.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=15)

    def run(self) -> None:
        """Supervise services until closed, or until the workspace is removed."""
        with self._memory.listener() as listener:
            self._listener = listener
            self._step_done.setblocking(False)
            self._selector.register(self._step_done, selectors.EVENT_READ)
            self._delivery.start()
            self._schedules.start()
            try:
                while not self._closing.is_set():
                    try:
                        self._round()
                    except WorkspaceUnavailable as error:
                        self._memory.report_outage(error)
                        self._closing.wait(CLOCK_SECONDS)
                    except Exception:
                        if not self._memory.is_there:
                            return
                        log.exception("a supervisor's round failed; trying again")
                        self._closing.wait(CLOCK_SECONDS)
            finally:
                self._leave()

    def _round(self) -> None:
        held = {service.name: service for service in self._look()}
        if held != self._held and self._listener is not None:
            self._listener.was_true()
        self._held = held
        with self._lock:
            for name in self._supervised.keys() - held.keys():
                self._give_up(self._supervised.pop(name))
            now = time.monotonic()
            for name, service in held.items():
                entry = self._supervised.setdefault(name, _Supervised())
                if not entry.busy and entry.is_due(service, now):
                    entry.busy, entry.signalled, entry.ended = True, False, False
                    self._pool.submit(self._reconcile, service, entry)
                self._watch(service, entry)
            dues = [entry.due for entry in self._supervised.values() if not entry.busy]
        self._start_cleanup(now)
        self._start_traffic_write(now)
        self._start_evaluation(now)
        wake = min([now + CLOCK_SECONDS, *dues])
        self._sleep(max(0.0, wake - time.monotonic()))

    def _look(self) -> list[Webservice]:
        """The services whose leases this process holds, after taking those that are free."""
        with self._memory.reading() as tx:
            wanting = services.needs_lease(tx, self.mark, RENEW_WITHIN_SECONDS)
            if not wanting:
                return services.held(tx, self.mark)
        with self._memory.writing() as tx:
            return services.lease(tx, self.mark)

    def _reconcile(self, held: Webservice, entry: _Supervised) -> None:
        delay = pace.WHILE_SERVING
        try:
            # Read again: the round may have read the record before the last step wrote it.
            with self._memory.reading() as tx:
                service = services.get(tx, held.name)
            if service.lease_token == held.lease_token:  # else somebody has taken it over
                delay = self._step(service, entry)
                self._traffic.collect(service, entry.health.traffic)
        except NotFound:  # deleted
            pass
        except WorkspaceUnavailable as error:
            self._memory.report_outage(error)
        except Exception:
            if self._memory.is_there:
                log.exception("reconciling service %r failed; trying again", held.name)
        finally:
            with self._lock:
                entry.busy = False
                entry.due = time.monotonic() + delay
                if entry.given_up:
                    entry.health.forget()
            if delay < CLOCK_SECONDS or entry.ended:
                with contextlib.suppress(OSError):  # not the wake-up signal: that means news
                    self._notify_step.send(b"1")

    def _step(self, service: Webservice, entry: _Supervised) -> float:
        """One step of a service; its error is logged, once, and shown at the service."""
        reconciler = Reconciler(self._memory, self._targets, self._launcher, service, entry.health)
        try:
            delay = reconciler.take()
            if is_ready(service) and self._follower.look(service):
                delay = pace.AT_ONCE
        except WorkspaceUnavailable:
            raise
        except Exception as error:
            with self._memory.reading() as tx:
                services.get(tx, service.name)  # the error may come from its end
            reason = reason_of(error)
            if reason != entry.error:
                known = isinstance(error, MLMagicError)
                log.warning(
                    "service %r: %s; trying again", service.name, reason, exc_info=None if known else error
                )
            entry.error = reason
            return reconciler.show_failure(reason)
        entry.error = ""
        return delay

    def _start_cleanup(self, now: float) -> None:
        if now >= self._cleanup_due and _is_free(self._cleanup):
            self._cleanup_due = now + CLEANUP_SECONDS
            self._cleanup = self._pool.submit(self._attempt, "cleaning up", self._clean_up)

    def _clean_up(self) -> None:
        self._temporary_work.sweep(self.mark)
        if self._retention.is_due():
            self._retention.sweep(list(self._held.values()))
        self._memory.maintain()

    def _start_traffic_write(self, now: float) -> None:
        if self._traffic.is_due(now) and _is_free(self._traffic_write):
            self._traffic_write = self._pool.submit(
                self._attempt, "writing the traffic history", self._traffic.write
            )

    def _start_evaluation(self, now: float) -> None:
        if self._alerts.is_due(now) and _is_free(self._evaluation):
            held = list(self._held.values())
            self._evaluation = self._pool.submit(
                self._attempt, "evaluating the alert rules", lambda: self._alerts.run(held)
            )

    def _attempt(self, what: str, work: Callable[[], None]) -> None:
        """Do work that is tried again later if it fails."""
        try:
            work()
        except WorkspaceUnavailable as error:
            self._memory.report_outage(error)
        except Exception:
            if self._memory.is_there:
                log.exception("%s failed; trying again", what)

    def _listen(self, listener: WakeupListener, *, listens: bool) -> None:
        is_listening = listener in self._selector.get_map()
        if listens and not is_listening:
            self._selector.register(listener, selectors.EVENT_READ)
        elif is_listening and not listens:
            self._selector.unregister(listener)

    def _sleep(self, seconds: float) -> None:
        listener = self._listener
        assert listener is not None
        pause = min(seconds, listener.pause)
        self._listen(listener, listens=not pause)
        ready = self._selector.select(pause or seconds)
        if pause and not ready:
            self._listen(listener, listens=True)
            ready = self._selector.select(seconds - pause)
        for key, _ in ready:
            if key.fileobj is listener:
                listener.clear()
                self._delivery.wake()
                self._schedules.wake()
                with self._lock:
                    for entry in self._supervised.values():
                        entry.signalled = True
            elif key.fileobj is self._step_done:
                with contextlib.suppress(BlockingIOError):
                    while self._step_done.recv(64):
                        pass
            else:  # a watched service has ended
                with self._lock:
                    entry = key.data
                    entry.ended = True
                    self._unwatch(entry)

    def _watch(self, service: Webservice, entry: _Supervised) -> None:
        """Watch for the end of what serves, if its target can."""
        handle = repr(service.handle) if service.serving is not None else ""
        if handle == entry.watched_handle:
            return
        self._unwatch(entry)
        entry.watched_handle = (
            handle  # once per handle: a descriptor of what has ended stays readable for ever
        )
        if not handle or service.handle is None:
            return
        target = self._targets.get(service.target)
        if not target.capabilities.watches:
            return
        descriptor = target.watch(target.unpack(service.handle))
        if descriptor is not None:
            entry.watched = descriptor
            self._selector.register(descriptor, selectors.EVENT_READ, entry)

    def _unwatch(self, entry: _Supervised) -> None:
        if entry.watched is not None:
            self._selector.unregister(entry.watched)
            os.close(entry.watched)
        entry.watched = None

    def _give_up(self, entry: _Supervised) -> None:
        self._unwatch(entry)
        entry.given_up = True
        if not entry.busy:
            entry.health.forget()

    def _leave(self) -> None:
        self._delivery.close()
        self._schedules.close()
        self._pool.shutdown(wait=True)
        self._jobs.close()
        with self._lock:
            for name, entry in self._supervised.items():
                if name in self._held:
                    self._traffic.collect(self._held[name], entry.health.traffic, ending=True)
                self._give_up(entry)
        self._selector.close()
        self._step_done.close()
        self._notify_step.close()
        if self._memory.is_there:
            self._attempt("writing the traffic history", self._traffic.write)
            with contextlib.suppress(Exception), self._memory.writing() as tx:
                services.release_leases(tx, self.mark)
                deliveries.release(tx, self.mark)


def _is_free(work: Future[None] | None) -> bool:
    """Whether background work may be started: the last one has ended."""
    return work is None or work.done()
