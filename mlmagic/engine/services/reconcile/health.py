"""What is remembered of a service from one turn to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlmagic.engine.gauges import Gauges
from mlmagic.engine.probe import Probe


@dataclass(slots=True)
class Health:
    """What a supervisor remembers of a service between turns; nothing is lost with it but patience."""

    probe: Probe | None = None
    failed_probes: int = 0
    healthy_since: float | None = None
    restart_at: float | None = None
    notes: list[str] = field(default_factory=list)
    gauges: Gauges = field(default_factory=Gauges)

    def probe_of(self, url: str, cert_file: str | None) -> Probe:
        """The probe of this URL; its connection is kept between turns."""
        if self.probe is None or (self.probe.url, self.probe.cert_file) != (url, cert_file):
            self.forget()
            self.probe = Probe(url, cert_file)
        return self.probe

    def forget(self) -> None:
        """Close what is open."""
        if self.probe is not None:
            self.probe.close()
            self.probe = None
