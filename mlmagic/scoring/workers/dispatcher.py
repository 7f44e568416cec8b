"""The dispatcher: holds the address of a service, and has its workers answer.

It forks each worker, hands every connection to the one that has the fewest, and starts another for one that
ended. It never runs the script and reads no request, so it can fork safely at any time. A service with an
idle timeout has no worker while nobody calls it: then a connection waits until there is one again.

`dispatch` returns in each worker, which then serves; in the dispatcher it returns when the service has ended.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.scoring import report
from mlmagic.scoring.control import HAND_OVER, RELOAD, SCALE, open_control_socket, read_command, send_answer
from mlmagic.scoring.http.listener import BACKLOG, url_of
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.report import RunDirectory, replica_folder
from mlmagic.scoring.settings import MOST_WORKERS
from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.workers.balancing import STEADY_S, restart_delay
from mlmagic.scoring.workers.channel import WorkerChannel
from mlmagic.scoring.workers.handover import RollingHandover
from mlmagic.scoring.workers.idle_timeout import IdleTimeout
from mlmagic.scoring.workers.pool import Worker, WorkerPool
from mlmagic.scoring.workers.reload import Reload

_FAILED = 3
_WHY = b'{"message": "The service is stopping, or could not be started again."}'
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_WHY), _WHY)
)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many workers serve, and where."""

    workers: int
    idle_s: float | None
    """After so many seconds without a scoring request the workers end; None: never."""
    host: str
    listen: Callable[[], list[socket.socket]]
    """Returns the bound sockets: that of the service, and one for health checks if there is one.

    Raises `StartFailed`."""
    is_shared: bool
    """Whether another server accepts from the same queue at first."""
    predecessor: Path | None
    """The run directory of the server that this one replaces."""
    tls: bool
    grace: float


def dispatch(
    plan: Plan, directory: RunDirectory | None, rotation: LogRotation | None = None
) -> WorkerChannel | int:
    """Start the workers, and serve until a signal comes.

    Returns the channel of a worker, in its process, and the exit code of the dispatcher.
    """
    return Dispatcher(plan, directory, rotation).run()


@dataclass(slots=True)
class Dispatcher:
    """One service of several processes."""

    plan: Plan
    directory: RunDirectory | None
    rotation: LogRotation | None
    """Of its own lines."""
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    pool: WorkerPool = field(init=False)
    wanted: int = field(init=False)
    idle: IdleTimeout | None = None
    sockets: list[socket.socket] = field(default_factory=list)
    """Those that are listened on, once all workers have served at once."""
    waiting: list[socket.socket] = field(default_factory=list)
    """Connections for which there is no worker yet."""
    control: socket.socket | None = None
    signals: tuple[socket.socket, ...] = ()
    stopping: bool = False
    failures: int = 0
    """How many workers in a row have ended soon after their start."""
    start_at: float = 0.0
    """When the next worker may be started, by the monotonic clock."""
    exit_code: int = 0
    up: bool = False
    """Whether all workers have served at once."""
    handover: RollingHandover | None = None
    reported: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        self.wanted = self.plan.workers
        folder = self.directory.path if self.directory else None
        self.pool = WorkerPool(self.selector, folder, self.plan.host, self._on_ready)
        if self.plan.predecessor is not None and self.wanted > 1:
            self.handover = RollingHandover(self.plan.predecessor, self.wanted)
        if self.plan.idle_s is not None:
            self.idle = IdleTimeout(self.selector, self.plan.idle_s, self._take, tls=self.plan.tls)

    def run(self) -> WorkerChannel | int:
        """Serve; returns in each worker, and at the end."""
        self._watch_signals()
        if self.directory is not None:
            self.control = open_control_socket(self.directory.path)
        if self.control is not None:
            self.selector.register(self.control, selectors.EVENT_READ, self._take_command)
        while not self.stopping or self.pool.workers:
            channel = self._start_missing()
            if channel is not None:
                return channel
            for key, _ in self.selector.select(self._patience()):
                # A call before may have removed it, and another may have its descriptor by now.
                if self.selector.get_map().get(key.fd) is key:
                    key.data()
            if self.rotation is not None:
                with contextlib.suppress(OSError):
                    self.rotation.rotate_if_large()
            for worker, code in self.pool.reap():
                self._on_end(worker, code)
            self.pool.end_late(self.plan.grace)
            self._sleep_when_idle()
            self._report()
        if not self.exit_code:
            self._say(report.STOPPED)
        return self.exit_code

    def _patience(self) -> float | None:
        """Seconds until the next thing to do; None if only an event can bring it."""
        waits = []
        if len(self.pool.present) < len(self.pool.workers):
            waits.append(0.1)  # some are ending
        if not self.stopping and len(self.pool.present) < self._wanted_now():
            waits.append(self.start_at - time.monotonic())
        if self.idle is not None and not self.stopping:
            waits.append(self.idle.look_s)
        return max(0.0, min(waits)) if waits else None

    # -- workers --------------------------------------------------------------------------------------

    def _wanted_now(self) -> int:
        if self.idle is not None and self.idle.asleep:
            return 0
        if self.handover is not None and not self.up:  # one after the other, as room is made for them
            return min(self.wanted, len(self.pool.serving) + 1)
        return self.wanted

    def _start_missing(self) -> WorkerChannel | None:
        """Start the workers that are missing, and end those that are too many; a channel in a new worker."""
        if self.stopping:
            return None
        present = self.pool.present
        for worker in present[self._wanted_now() :]:
            self.pool.finish(worker)
        for _ in range(self._wanted_now() - len(present)):
            if time.monotonic() < self.start_at:
                break
            peeked = self.idle.held if self.idle else []
            channel = self.pool.start([*self.sockets, *self.waiting, *peeked, *self.signals, self.control])
            if channel is not None:
                return channel
        return None

    def _on_ready(self) -> None:
        """A worker is ready: the service is up when all have been at once."""
        count = len(self.pool.serving)
        self.up = self.up or count >= self.wanted
        if not self.sockets and not self.stopping and (self.up or self.handover is not None):
            try:
                self._listen()
            except StartFailed as error:
                _tell("\n".join(filter(None, (str(error), error.hint))))
                self._fail(error.exit_code, error.record())
        if self.handover is not None and not self.stopping:
            self.handover.make_room(count)
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            self._take(connection)

    def _on_end(self, worker: Worker, code: int) -> None:
        """A worker has ended by itself: another is started, unless none serves and this one never has."""
        if self.stopping:
            return
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if not worker.serves and not (self.up and self.pool.serving):
            # Whoever has started the service decides what is next.
            message = f"the process {how}"
            error = worker.error or {"phase": "init", "type": "ProcessError", "message": message}
            self._fail(code if code > 0 else _FAILED, error)
            return
        steady = worker.serves and time.monotonic() - worker.since > STEADY_S
        self.failures = 1 if steady else self.failures + 1
        delay = restart_delay(self.failures)
        self.start_at = time.monotonic() + delay
        pause = f" in {delay:g} s" if delay else ""
        _tell(f"replica {worker.number} {how}; another is started{pause}")

    def _fail(self, code: int, error: dict[str, Any]) -> None:
        self.exit_code = code
        if self.handover is not None and not self.up:
            self.handover.undo()
        self._say(report.FAILED, error)
        self._stop()

    # -- connections ----------------------------------------------------------------------------------

    def _listen(self) -> None:
        self.sockets = self.plan.listen()
        if self.plan.is_shared:
            self.pool.share()
        for sock in self.sockets:
            sock.listen(BACKLOG)
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, partial(self._accept, sock))
        count = f"{self.wanted} replica{'' if self.wanted == 1 else 's'}"
        _tell(f"serving at {url_of(self.sockets[0], tls=self.plan.tls)} with {count}")
        for health in self.sockets[1:]:
            _tell(f"health checks at {url_of(health, tls=self.plan.tls)} too")

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BACKLOG):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                _tell(f"a connection could not be accepted: {error}")
                time.sleep(0.01)  # as a rule, descriptors are scarce
                return
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        """Hand a connection to a worker; one for which there is none waits."""
        if self.pool.hand_over(connection):
            return
        if self.idle is not None and self.idle.asleep:
            self.idle.take(connection)
        elif len(self.waiting) < BACKLOG and not self.stopping:
            self.waiting.append(connection)
        else:
            connection.close()

    def _sleep_when_idle(self) -> None:
        if self.idle is None or not self.up or self.stopping:
            return
        if self.waiting or len(self.pool.serving) < self.wanted:
            self.idle.note_use()  # somebody waits, or a worker starts
            return
        if self.idle.becomes_idle(self.pool.counts.activity):
            self.failures, self.start_at = 0, 0.0
            for worker in self.pool.present:
                self.pool.finish(worker)
            _tell(f"idle for {self.idle.idle_s:g} s: the next request starts the service again")

    # -- signals and commands -------------------------------------------------------------------------

    def _watch_signals(self) -> None:
        self.signals = reader, writer = socket.socketpair()
        for end in self.signals:
            end.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _ignore)
        self.selector.register(reader, selectors.EVENT_READ, self._on_signal)

    def _on_signal(self) -> None:
        numbers = self.signals[0].recv(4096)
        if signal.SIGINT in numbers and self.stopping:  # a person at a terminal is not willing to wait
            self.pool.kill()
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()

    def _stop(self) -> None:
        """Let the workers answer what they have, and what waits in the queue."""
        if self.stopping:
            return
        if not self.exit_code:
            for sock in self.sockets:
                self._accept(sock)
        self.stopping = True
        for sock in (*self.sockets, *([self.control] if self.control else [])):
            self.selector.unregister(sock)
            sock.close()
        for connection in (*self.waiting, *(self.idle.held if self.idle else ())):
            with contextlib.suppress(OSError):
                connection.send(_UNAVAILABLE)
            connection.close()
        for worker in self.pool.present:
            self.pool.finish(worker)

    def _take_command(self) -> None:
        assert self.control is not None
        assert self.directory is not None
        caller, command = read_command(self.control)
        if caller is None:
            return
        what = command.get("do")
        if what == HAND_OVER and self.sockets:
            self.pool.share()
            send_answer(caller, {}, [self.sockets[0].fileno()])
        elif what == SCALE:
            self.wanted = max(1, min(int(command["replicas"]), MOST_WORKERS))
            send_answer(caller, {"replicas": self.wanted})
        elif what == RELOAD:
            folders = [replica_folder(self.directory.path, number) for number in self.pool.serving]
            Reload(self.selector, folders, partial(send_answer, caller)).start(command)
        else:
            send_answer(caller, {"refused": f"no such command: {what!r}"})

    # -- reports --------------------------------------------------------------------------------------

    def _report(self) -> None:
        """Tell how many workers serve, where that has changed."""
        asleep = self.idle is not None and self.idle.asleep
        now = (len(self.pool.serving), asleep, self.wanted)
        if self.up and self.sockets and not self.stopping and now != self.reported:
            self.reported = now
            self._say(report.SERVING)

    def _say(self, phase: str, error: dict[str, Any] | None = None) -> None:
        if self.directory is None:
            return
        sock = next((each for each in self.sockets if each.fileno() >= 0), None)
        self.directory.write(
            phase,
            url=url_of(sock, tls=self.plan.tls) if sock else None,
            port=sock.getsockname()[1] if sock else None,
            error=error,
            ready=len(self.pool.serving),
            replicas=self.wanted,
            idle=self.idle is not None and self.idle.asleep,
        )


def _ignore(number: int, frame: object) -> None:
    """The number is read from the socket."""


def _tell(words: str) -> None:
    print(f"mlmagic: {words}", file=sys.stderr, flush=True)
