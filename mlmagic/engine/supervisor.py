"""Looks after services: a thread in whichever process holds their leases.

Beside it, a courier delivers the workspace's notices, and services that follow a model are updated.

It is woken, not clocked: by the bell (somebody wrote a row, or a server came up or failed), by a service's
end where the target can be watched, and else when a turn said it wants to look again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mlmagic.core.follow import is_ready
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.courier import Courier
from mlmagic.engine.environments.builds import Builds
from mlmagic.engine.follower import Follower
from mlmagic.engine.makings import Makings
from mlmagic.engine.steps import pace
from mlmagic.engine.steps.base import Targets
from mlmagic.engine.steps.health import Health
from mlmagic.engine.turn import Turn
from mlmagic.errors import NotFound, WorkspaceUnavailable
from mlmagic.workspace import deliveries, leases, services
from mlmagic.workspace.bells import Bell
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory

CLOCK_SECONDS = 1.0
RENEW_WITHIN_SECONDS = leases.LEASE_SECONDS / 2
TURNS_AT_ONCE = 8

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Charge:
    """A service in this supervisor's care."""

    health: Health = field(default_factory=Health)
    due: float = 0.0
    busy: bool = False
    rung: bool = False
    ended: bool = False
    given_up: bool = False
    watched: int | None = None
    watched_handle: str = ""

    def wants_turn(self, service: Webservice, now: float) -> bool:
        """A ring may be about a service in motion; a healthy one is looked at in its own time."""
        in_motion = service.state not in (State.HEALTHY, State.FAILED, State.STOPPED) or service.retiring
        return self.due <= now or self.ended or (self.rung and bool(in_motion))


class Supervisor:
    """Takes the leases that are free, and turns at each service it holds."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self._memory = memory
        self._targets = targets
        self.mark = ProcessIdentity.current().mark()
        self._follower = Follower(memory, targets)
        self._courier = Courier(memory, self.mark)
        self._makings = Makings(changed=memory.ring)
        self._builds = Builds(self._makings)
        self._charges: dict[str, _Charge] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(TURNS_AT_ONCE, thread_name_prefix="mlmagic-turn")
        self._selector = selectors.DefaultSelector()
        self._bell: Bell | None = None
        self._turned, self._turn_done = socket.socketpair()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="mlmagic-supervisor", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End, giving the leases back, so that another process may take over at once."""
        self._closing.set()
        self._memory.ring()
        if self._thread is not None:
            self._thread.join(timeout=15)

    def run(self) -> None:
        """Look after services until closed, or until the workspace is removed."""
        with self._memory.bell() as bell:
            self._bell = bell
            self._turned.setblocking(False)
            self._selector.register(bell, selectors.EVENT_READ)
            self._selector.register(self._turned, selectors.EVENT_READ)
            self._courier.start()
            try:
                while not self._closing.is_set():
                    try:
                        self._round()
                    except WorkspaceUnavailable as error:
                        log.warning("%s Trying again", error)
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
        with self._lock:
            for name in self._charges.keys() - held.keys():
                self._give_up(self._charges.pop(name))
            now = time.monotonic()
            for name, service in held.items():
                charge = self._charges.setdefault(name, _Charge())
                if not charge.busy and charge.wants_turn(service, now):
                    charge.busy, charge.rung, charge.ended = True, False, False
                    self._pool.submit(self._turn, name, charge)
                self._watch(service, charge)
            dues = [charge.due for charge in self._charges.values() if not charge.busy]
        wake = min([now + CLOCK_SECONDS, *dues])
        self._sleep(max(0.0, wake - time.monotonic()))

    def _look(self) -> list[Webservice]:
        """The services in this process's care, after taking what is free."""
        with self._memory.reading() as tx:
            wanting = services.needs_lease(tx, self.mark, RENEW_WITHIN_SECONDS)
            if not wanting:
                return services.held(tx, self.mark)
        with self._memory.writing() as tx:
            return services.lease(tx, self.mark)

    def _turn(self, name: str, charge: _Charge) -> None:
        delay = pace.WHILE_SERVING
        try:
            # Read anew: the round may have read its record before the last turn wrote it.
            with self._memory.reading() as tx:
                service = services.get(tx, name)
            delay = Turn(
                self._memory, self._targets, service, charge.health, self._makings, self._builds
            ).take()
            if is_ready(service) and self._follower.look(service):
                delay = pace.AT_ONCE
        except NotFound:
            pass
        except WorkspaceUnavailable as error:
            log.warning("%s Trying again", error)
        except Exception:
            if self._memory.is_there:
                log.exception("a turn at service %r failed; trying again", name)
        finally:
            with self._lock:
                charge.busy = False
                charge.due = time.monotonic() + delay
                if charge.given_up:
                    charge.health.forget()
            if delay < CLOCK_SECONDS or charge.ended:
                with contextlib.suppress(OSError):  # not the bell: that is for news, and would be heard so
                    self._turn_done.send(b"1")

    def _sleep(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._bell:
                assert self._bell is not None
                self._bell.hush()
                self._courier.wake()
                with self._lock:
                    for charge in self._charges.values():
                        charge.rung = True
            elif key.fileobj is self._turned:
                with contextlib.suppress(BlockingIOError):
                    while self._turned.recv(64):
                        pass
            else:  # a watched service has ended
                with self._lock:
                    charge = key.data
                    charge.ended = True
                    self._unwatch(charge)

    def _watch(self, service: Webservice, charge: _Charge) -> None:
        """Keep an eye on the process that serves, where its target can offer one."""
        handle = repr(service.handle) if service.serving is not None else ""
        if handle == charge.watched_handle:
            return
        self._unwatch(charge)
        charge.watched_handle = handle  # once per handle: what has ended stays readable for ever
        if not handle or service.handle is None:
            return
        target = self._targets(service.target)
        if not target.capabilities.watches:
            return
        descriptor = target.watch(target.unpack(service.handle))
        if descriptor is not None:
            charge.watched = descriptor
            self._selector.register(descriptor, selectors.EVENT_READ, charge)

    def _unwatch(self, charge: _Charge) -> None:
        if charge.watched is not None:
            self._selector.unregister(charge.watched)
            os.close(charge.watched)
        charge.watched = None

    def _give_up(self, charge: _Charge) -> None:
        self._unwatch(charge)
        charge.given_up = True
        if not charge.busy:
            charge.health.forget()

    def _leave(self) -> None:
        self._courier.close()
        self._pool.shutdown(wait=True)
        self._makings.close()
        with self._lock:
            for charge in self._charges.values():
                self._give_up(charge)
        self._selector.close()
        self._turned.close()
        self._turn_done.close()
        if self._memory.is_there:
            with contextlib.suppress(Exception), self._memory.writing() as tx:
                services.release_leases(tx, self.mark)
                deliveries.release(tx, self.mark)
