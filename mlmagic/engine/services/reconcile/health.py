"""What a supervisor remembers of a service from one step to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlmagic.engine.http.probe import Probe
from mlmagic.engine.services.usage_metrics import UsageMetrics


@dataclass(slots=True)
class Health:
    """Probe results and timers of one service. They are not stored: a new supervisor begins anew."""

    probe: Probe | None = None
    failed_probes: int = 0
    healthy_since: float | None = None
    restart_at: float | None = None
    notes: list[str] = field(default_factory=list)
    usage: UsageMetrics = field(default_factory=UsageMetrics)

    def probe_of(self, url: str, cert_file: str | None) -> Probe:
        """The probe of this URL; its connection stays open between steps."""
        if self.probe is None or (self.probe.url, self.probe.cert_file) != (url, cert_file):
            self.forget()
            self.probe = Probe(url, cert_file)
        return self.probe

    def forget(self) -> None:
        """Close the probe's connection."""
        if self.probe is not None:
            self.probe.close()
            self.probe = None
