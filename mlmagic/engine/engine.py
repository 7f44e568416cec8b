"""The common deployment engine: every front (magics, SDK, widgets, command line) uses it.

An engine is composed of parts, each named by what it holds: ``engine.models.register(...)``,
``engine.services.deploy(...)``, ``engine.events.list()``.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from mlmagic.engine.assets import Assets
from mlmagic.engine.collected_data.collected_data import CollectedData
from mlmagic.engine.endpoints.endpoints import Endpoints
from mlmagic.engine.endpoints.traffic import Traffic
from mlmagic.engine.environments.environments import Environments
from mlmagic.engine.events.bus import Bus
from mlmagic.engine.events.events import Events
from mlmagic.engine.http.client import Client
from mlmagic.engine.models.models import Models
from mlmagic.engine.monitoring.monitoring import Monitoring
from mlmagic.engine.pipeline_endpoints.pipeline_endpoints import PipelineEndpoints
from mlmagic.engine.schedules.schedules import Schedules
from mlmagic.engine.scripts.scripts import Scripts
from mlmagic.engine.services.follows import Follows
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.live_reload import LiveReload
from mlmagic.engine.services.logs import Logs
from mlmagic.engine.services.renewals import Renewals
from mlmagic.engine.services.replays import Replays
from mlmagic.engine.services.replicas import Replicas
from mlmagic.engine.services.requests import Requests
from mlmagic.engine.services.rolling_updates import RollingUpdates
from mlmagic.engine.services.services import Services
from mlmagic.engine.services.supervision import Supervision
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.engine.services.watcher import ServiceWatcher
from mlmagic.engine.targets import LoadTarget, Targets
from mlmagic.workspace.known_workspaces import remember
from mlmagic.workspace.location import Location, locate
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from mlmagic.engine.alerts.alerts import Alerts
    from mlmagic.engine.batch.batch import Batch
    from mlmagic.engine.batch.jobs import BatchJobs
    from mlmagic.engine.drift.drift import Drift
    from mlmagic.engine.packages.packages import Packages
    from mlmagic.engine.profiles.profiles import Profiles
    from mlmagic.engine.services.parity import ParityChecks


class Engine:
    """One workspace's models, services and the rest, and the supervision of its services.

    With ``supervise`` a thread of this process supervises (and the daemon after it); without it only the
    daemon does, for processes that end soon. ``targets`` loads a compute target by name.
    """

    def __init__(
        self,
        location: Location | None = None,
        *,
        supervise: bool = True,
        targets: LoadTarget | None = None,
        use_daemon: bool = True,
    ) -> None:
        self.location = location or locate()
        self.memory = Memory(self.location)
        self.bus = Bus(self.memory)
        self.watcher = ServiceWatcher(self.memory, self.bus)
        self.client = Client()
        self.targets = Targets(targets, self.location)
        self.supervision = Supervision(self.memory, self.targets, in_process=supervise, use_daemon=use_daemon)
        on_news = self.supervision.ensure_for_news
        self.assets = Assets(self.memory)
        self.environments = Environments(self.memory, self.assets)
        self.models = Models(self.memory, on_news)
        self.temporary_work = TemporaryWork(self.memory, self.targets)
        self.scripts = Scripts(self.memory, self.models, self.temporary_work)
        self.keys = Keys(self.memory, self.targets)
        self.services = Services(
            self.memory, self.targets, self.bus, self.models, self.keys, self.supervision
        )
        self.logs = Logs(self.services)
        self.renewals = Renewals(self.memory, self.models, self.services)
        self.replicas = Replicas(
            self.memory, self.targets, self.bus, self.services, self.keys, self.supervision
        )
        self.rolling_updates = RollingUpdates(self.memory, self.targets, self.supervision)
        self.traffic = Traffic(self.memory, self.targets, self.services, self.supervision, self.client)
        self.endpoints = Endpoints(
            self.memory, self.targets, self.models, self.keys, self.services, self.traffic
        )
        self.live_reload = LiveReload(self.memory, self.targets)
        self.requests = Requests(self.memory, self.targets, self.client, self.models, self.keys)
        self.collected_data = CollectedData(self.memory)
        self.replays = Replays(self.requests, self.collected_data)
        self.follows = Follows(self.memory, self.supervision.ensure)
        self.events = Events(self.memory, on_news)
        self.schedules = Schedules(self.memory, self.supervision.ensure_for_schedules)
        self.pipeline_endpoints = PipelineEndpoints(self.memory, self.supervision.ensure_for_pipelines)
        self.monitoring = Monitoring(self.memory, self.targets)
        self.supervision.ensure_for_leftovers()
        self.supervision.ensure_for_schedules()
        self.supervision.ensure_for_pipelines()

    @classmethod
    def of(cls, location: Location) -> Engine:
        """This process's one engine of a workspace, for fronts that live as long as the process."""
        key = (os.getpid(), location.database_url, location.files_url, json.dumps(location.compute))
        with _opening:
            if key not in _open or not _open[key].memory.is_there:
                _open[key] = cls(location)
                atexit.register(_open[key].close)
                remember(location)
            return _open[key]

    # Parts without state of their own that few processes use: each is imported when it is used.

    @cached_property
    def alerts(self) -> Alerts:
        """Alert rules, and the alerts that fire."""
        from mlmagic.engine.alerts.alerts import Alerts

        return Alerts(self.memory, self.supervision.ensure_for_services, self.supervision.ensure_for_news)

    @cached_property
    def batch(self) -> Batch:
        """Batch scoring."""
        from mlmagic.engine.batch.batch import Batch

        return Batch(self.memory, self.models, self.temporary_work)

    @cached_property
    def batch_jobs(self) -> BatchJobs:
        """Batch scoring jobs, with their progress and results."""
        from mlmagic.engine.batch.jobs import BatchJobs

        return BatchJobs(self.memory, self.batch, self.temporary_work)

    @cached_property
    def drift(self) -> Drift:
        """Data drift checks."""
        from mlmagic.engine.drift.drift import Drift

        return Drift(self.memory, self.collected_data, self.supervision.ensure_for_news)

    @cached_property
    def packages(self) -> Packages:
        """Packages of models: images and files."""
        from mlmagic.engine.packages.packages import Packages

        return Packages(self.memory, self.targets, self.models, self.scripts, self.temporary_work)

    @cached_property
    def parity(self) -> ParityChecks:
        """Parity checks: the same requests to a service and to a comparison deployment of it."""
        from mlmagic.engine.services.parity import ParityChecks

        return ParityChecks(
            self.memory, self.targets, self.client, self.models, self.keys, self.temporary_work
        )

    @cached_property
    def profiles(self) -> Profiles:
        """Profiles of models: latency, memory and the resources to deploy with."""
        from mlmagic.engine.profiles.profiles import Profiles

        return Profiles(self.memory, self.targets, self.models, self.scripts, self.temporary_work)

    def close(self) -> None:
        """Close the workspace; its services go on, supervised by the daemon."""
        self.bus.close()
        self.supervision.close()
        self.client.close()
        self.memory.close()


_open: dict[tuple[int, str, str, str], Engine] = {}
_opening = threading.Lock()
