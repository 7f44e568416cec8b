"""Who supervises the services of a workspace: a thread of this process, and the daemon after it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mlmagic.engine.services import daemon
from mlmagic.engine.targets import Targets
from mlmagic.workspace import deliveries, follows, schedules, services, temporary_work
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.pipeline_server import PipelineServerFiles

if TYPE_CHECKING:
    from mlmagic.engine.services.supervisor import Supervisor

DAEMON_DELAY_SECONDS = 3.0


class Supervision:
    """Starts a supervisor when there is work for one.

    With ``in_process``, a thread of this process supervises, and the daemon when this process has ended.
    Without it only the daemon does: for processes that end soon. ``use_daemon`` False starts no daemon.
    """

    def __init__(self, memory: Memory, targets: Targets, *, in_process: bool, use_daemon: bool) -> None:
        self._memory, self._targets = memory, targets
        self._in_process, self._use_daemon = in_process, use_daemon
        self._mark = ProcessIdentity.current().mark()
        self._lock = threading.Lock()
        self._supervisor: Supervisor | None = None
        self._daemon_timer: threading.Timer | None = None

    @property
    def lease_holder(self) -> str | None:
        """Who is to hold the lease of a new service: the supervisor of this process; None for any."""
        return self._mark if self._in_process else None

    def ensure(self) -> None:
        """Make sure that the services are supervised, unless the workspace is read-only."""
        if self._memory.is_read_only:
            return
        with self._lock:  # cells, widgets and timers call it in threads of their own
            self._ensure()

    def _ensure(self) -> None:
        if self._in_process and (self._supervisor is None or not self._supervisor.running):
            from mlmagic.engine.services.supervisor import Supervisor

            self._supervisor = Supervisor(self._memory, self._targets, self._mark)
            self._supervisor.start()
        if not self._use_daemon:
            return
        if not self._in_process:
            daemon.ensure_daemon(self._memory.location)
        elif self._daemon_timer is None:
            # Later: the services that are starting need the cores more.
            self._daemon_timer = threading.Timer(DAEMON_DELAY_SECONDS, self._start_daemon)
            self._daemon_timer.daemon = True
            self._daemon_timer.start()

    def ensure_for_news(self) -> None:
        """`ensure`, if a delivery is due or a service follows a model that has changed."""
        if self._memory.may_be_so(
            lambda tx: deliveries.next_due(tx) is not None or follows.is_anything_waiting(tx)
        ):
            self.ensure()

    def ensure_for_services(self) -> None:
        """`ensure`, if a service has no supervisor, as after its process was killed."""
        if self._memory.may_be_so(lambda tx: services.needs_lease(tx, self._mark, 0.0)):
            self.ensure()

    def ensure_for_leftovers(self) -> None:
        """`ensure`, if a process of this machine died in the middle of temporary work."""
        if self._memory.may_be_so(temporary_work.is_anything_left):
            self.ensure()

    def ensure_for_schedules(self) -> None:
        """Make sure that there is a daemon if a schedule of this machine is active: it starts the runs.

        At once, so that the schedule lives on if this process is killed.
        """
        wanted = self._memory.may_be_so(schedules.is_anything_to_do)
        if wanted and not self._ensure_daemon() and self._in_process:
            self.ensure()

    def ensure_for_pipelines(self) -> bool:
        """Make sure that there is a daemon if the server of published pipelines is to run on this machine.

        Returns False if it is to run, but no daemon may be started.
        """
        is_wanted = PipelineServerFiles(self._memory.folder).module() is not None
        return not is_wanted or self._ensure_daemon()

    def _ensure_daemon(self) -> bool:
        """Start the daemon now; False if it may not be started."""
        if not self._use_daemon or self._memory.is_read_only:
            return False
        daemon.ensure_daemon(self._memory.location)
        return True

    def close(self) -> None:
        """Stop supervising here; the daemon takes the services over."""
        if self._daemon_timer is not None:
            self._daemon_timer.cancel()
            self._start_daemon()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.close()

    def _start_daemon(self) -> None:
        self._daemon_timer = None
        if self._memory.is_there and daemon.has_work(self._memory):
            daemon.ensure_daemon(self._memory.location)
