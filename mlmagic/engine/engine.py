"""The common deployment engine: every verb, used by every front (magics, SDK, widgets, command line)."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from mlmagic.engine import keeper
from mlmagic.engine.batch_verbs import BatchVerbs
from mlmagic.engine.bus import Bus
from mlmagic.engine.client import Client
from mlmagic.engine.environment_verbs import EnvironmentVerbs
from mlmagic.engine.event_verbs import EventVerbs
from mlmagic.engine.object_verbs import ObjectVerbs
from mlmagic.engine.package_verbs import PackageVerbs
from mlmagic.engine.parity_verbs import ParityVerbs
from mlmagic.engine.profile_verbs import ProfileVerbs
from mlmagic.engine.supervisor import Supervisor
from mlmagic.engine.traffic_verbs import TrafficVerbs
from mlmagic.errors import MLMagicError
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace.location import Location, locate
from mlmagic.workspace.memory import Memory

KEEPER_DELAY_SECONDS = 3.0


class Engine(
    ObjectVerbs,
    PackageVerbs,
    ProfileVerbs,
    BatchVerbs,
    ParityVerbs,
    TrafficVerbs,
    EnvironmentVerbs,
    EventVerbs,
):
    """The verbs over one workspace, and whoever looks after its services.

    ``supervise`` says who that is: True, a thread of this process (and the keeper after it); False, only
    the keeper: for processes that end soon.
    """

    def __init__(
        self,
        location: Location | None = None,
        *,
        supervise: bool = True,
        targets: Callable[[str], ComputeTarget[Any]] | None = None,
        use_keeper: bool = True,
    ) -> None:
        self.location = location or locate()
        self.memory = Memory(self.location)
        self.bus = Bus(self.memory)
        self.client = Client()
        self._targets = targets or cache(registry.load)
        self._supervise, self._use_keeper = supervise, use_keeper
        self._supervisor: Supervisor | None = None
        self._keeper_timer: threading.Timer | None = None

    @classmethod
    def of(cls, location: Location) -> Engine:
        """This process's one engine of a workspace, for fronts that live as long as the process."""
        key = (os.getpid(), location.database_url, location.files_url)
        if key not in _open or not _open[key].memory.is_there:
            _open[key] = cls(location)
            atexit.register(_open[key].close)
        return _open[key]

    def targets(self) -> list[str]:
        """The targets that are installed."""
        return registry.names()

    def availability(self, *also: str) -> dict[str, str]:
        """Each target that may be named, and ``also``; with why services cannot run there now, or ``""``."""
        return {name: self._why_not(name) for name in dict.fromkeys([*also, *registry.known()])}

    def _why_not(self, name: str) -> str:
        try:
            self._targets(name).check()
        except MLMagicError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Leave: the services stay, in the keeper's care."""
        self.bus.close()
        if self._keeper_timer is not None:
            self._keeper_timer.cancel()
            self._start_keeper()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.close()
        self.client.close()
        self.memory.close()

    def _see_to_it(self) -> None:
        """Make sure that somebody looks after the services."""
        self._lease_holder()
        if not self._use_keeper:
            return
        if not self._supervise:
            keeper.ensure_keeper(self.location)
        elif self._keeper_timer is None:
            # Later: the services that are being started need the cores more.
            self._keeper_timer = threading.Timer(KEEPER_DELAY_SECONDS, self._start_keeper)
            self._keeper_timer.daemon = True
            self._keeper_timer.start()

    def _lease_holder(self) -> str | None:
        if not self._supervise:
            return None
        if self._supervisor is None or not self._supervisor.running:
            self._supervisor = Supervisor(self.memory, self._targets)
            self._supervisor.start()
        return self._supervisor.mark

    def _start_keeper(self) -> None:
        """Start the keeper if there is anything to keep."""
        self._keeper_timer = None
        if self.memory.is_there and keeper.has_work(self.memory):
            keeper.ensure_keeper(self.location)


_open: dict[tuple[int, str, str], Engine] = {}
