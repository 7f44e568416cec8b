"""Monitoring of a workspace's services by Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.core.scrape_targets import Group, Monitored, groups, monitored
from mlmagic.core.webservice import Webservice
from mlmagic.engine.monitoring.request_totals import RequestTotals
from mlmagic.engine.monitoring.workspace_metrics import WorkspaceMetrics
from mlmagic.engine.targets import Targets
from mlmagic.scoring.http.allowed_hosts import is_loopback
from mlmagic.workspace import services, traffic_history
from mlmagic.workspace.identity import machine
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Monitoring:
    """What Prometheus reads of one workspace."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self._memory, self._targets = memory, targets
        self._totals = RequestTotals()

    @property
    def workspace(self) -> str:
        """The name of the workspace, which is a label of all targets."""
        return self._memory.location.name

    def targets(self, *, caller: str = "127.0.0.1") -> list[Group]:
        """The services to scrape, as the HTTP service discovery of Prometheus reads them.

        ``caller`` is the address of Prometheus: from a loopback address it reaches those of services.
        """
        with self._memory.reading() as tx:
            found = self._monitored(tx)
        return groups(found, self.workspace, machine(), is_near=is_loopback(caller))

    def metrics(self) -> WorkspaceMetrics:
        """The metrics of the workspace now."""
        with self._memory.reading() as tx:
            found = self._monitored(tx)
            unsupervised = services.unsupervised_seconds(tx)
            points = traffic_history.counted(tx)
        return WorkspaceMetrics(found, machine(), self._totals.add(points), unsupervised)

    def _monitored(self, tx: Connection) -> list[Monitored]:
        found = services.list_services(tx)
        summing = [service.id for service in found if self._sums_replicas(service)]
        return monitored(found, services.with_idle_timeout(tx), summing)

    def _sums_replicas(self, service: Webservice) -> bool:
        target = self._targets.of(service)
        return target is not None and target.capabilities.sums_replicas
