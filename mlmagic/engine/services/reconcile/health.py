"""What a supervisor remembers of a service from one step to the next."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mlmagic.engine.endpoints.meter import VersionMeter
from mlmagic.engine.http.probe import Probe
from mlmagic.engine.services.reconcile.scaling import Scaling
from mlmagic.engine.services.traffic_meter import TrafficMeter
from mlmagic.engine.services.usage_metrics import UsageMetrics


@dataclass(slots=True)
class Health:
    """Probe results and timers of one service. They are not stored: a new supervisor begins anew."""

    probe: Probe | None = None
    failed_probes: int = 0
    failing_since: float | None = None
    """When the first of these probes failed, by the monotonic clock."""
    healthy_since: float | None = None
    restart_at: float | None = None
    starting: tuple[str, float] | None = None
    """The handle of what is starting, and when that was first seen, by the monotonic clock."""
    scaling: Scaling = field(default_factory=Scaling)
    notes: list[str] = field(default_factory=list)
    usage: UsageMetrics = field(default_factory=UsageMetrics)
    traffic: TrafficMeter = field(default_factory=TrafficMeter)
    versions: VersionMeter = field(default_factory=VersionMeter)
    """Of an endpoint."""
    routes: str = ""
    """Those that its router has, where they are copied to it."""

    def probe_of(self, url: str, cert_file: str | None) -> Probe:
        """The probe of this URL; its connection stays open between steps."""
        if self.probe is None or (self.probe.url, self.probe.cert_file) != (url, cert_file):
            self.forget()
            self.probe = Probe(url, cert_file)
        return self.probe

    def note_probe(self, *, answered: bool) -> None:
        """Count a probe that was answered, or not."""
        if answered:
            self.failed_probes, self.failing_since = 0, None
        else:
            self.failed_probes += 1
            self.failing_since = self.failing_since or time.monotonic()

    def failed_for(self) -> float:
        """For how many seconds every probe has failed."""
        return 0.0 if self.failing_since is None else time.monotonic() - self.failing_since

    def starting_for(self, handle: object, *, starting: bool) -> float:
        """For how many seconds what ``handle`` refers to has been seen ``starting``."""
        key = repr(handle)
        if not starting:
            self.starting = None
            return 0.0
        if self.starting is None or self.starting[0] != key:
            self.starting = key, time.monotonic()
        return time.monotonic() - self.starting[1]

    def forget(self) -> None:
        """Close the probe's connection."""
        if self.probe is not None:
            self.probe.close()
            self.probe = None
