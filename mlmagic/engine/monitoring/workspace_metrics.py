"""The metrics of a workspace for Prometheus: the states of its services, and what supervisors measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.scrape_targets import Monitored, obstacle
from mlmagic.core.webservice import State
from mlmagic.engine.monitoring.request_totals import Totals

LABELS = ("service", "target")


@dataclass(frozen=True, slots=True, eq=False)  # a registry keeps it by its identity
class WorkspaceMetrics:
    """A workspace at one moment. It is a collector of prometheus-client."""

    services: Sequence[Monitored]
    machine: str
    totals: Mapping[str, Totals] = field(default_factory=dict)
    """By the service's id."""
    unsupervised: Mapping[str, float] = field(default_factory=dict)
    """By the service's id: for how many seconds no supervisor has held it."""

    def page(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the format that ``accept`` asks for."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry: Any = CollectorRegistry(auto_describe=False)
        registry.register(self)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def collect(self) -> Iterator[Any]:
        """Called by the registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        state = GaugeMetricFamily(
            "mlmagic_service_state", "1 for the state of a service, 0 for others.", labels=[*LABELS, "state"]
        )
        info = GaugeMetricFamily(
            "mlmagic_service_info",
            "1 for each service; revision is the one that serves.",
            labels=[*LABELS, "revision", "models", "endpoint", "version"],
        )
        scraped = GaugeMetricFamily(
            "mlmagic_service_discovered",
            "1 for a service that is in the service discovery; 0 for others, with the reason.",
            labels=[*LABELS, "reason"],
        )
        share = GaugeMetricFamily(
            "mlmagic_version_traffic_percent",
            "Percentage of an endpoint's requests that a version gets.",
            labels=[*LABELS, "version"],
        )
        for each in self.services:
            service, labels = each.service, _values(each)
            for name in State:
                state.add_metric([*labels, name.value], float(service.state is name))
            models = ",".join(service.models)
            serving = "" if service.serving is None else str(service.serving)
            info.add_metric([*labels, serving, models, each.endpoint, each.version], 1)
            reason = obstacle(each, self.machine)
            scraped.add_metric([*labels, reason], float(not reason))
            for version, percent in service.endpoint.shares.items() if service.endpoint else ():
                share.add_metric([*labels, version], percent)
        yield from (state, info, scraped, share)
        yield self._gauge("replicas", "Replicas of a service that answer.", "replicas")
        yield self._gauge("cpu_cores", "CPU cores that a service uses.", "cpu_cores")
        yield self._gauge("memory_bytes", "Memory that a service uses.", "memory_bytes")
        restarts = CounterMetricFamily(
            "mlmagic_service_restarts", "Restarts of a service since its last deploy.", labels=LABELS
        )
        requests = CounterMetricFamily(
            "mlmagic_service_requests",
            "Scoring requests to all replicas of a service, as its supervisor measures them.",
            labels=LABELS,
        )
        errors = CounterMetricFamily(
            "mlmagic_service_errors", "Those answered with a status of 400 or more.", labels=LABELS
        )
        lag = GaugeMetricFamily(
            "mlmagic_supervisor_lag_seconds",
            "Seconds for which no supervisor has looked after a service; 0 while one does.",
            labels=LABELS,
        )
        for each in self.services:
            labels, totals = _values(each), self.totals.get(each.service.id, Totals())
            restarts.add_metric(labels, each.service.restarts)
            requests.add_metric(labels, totals.requests)
            errors.add_metric(labels, totals.errors)
            lag.add_metric(labels, self.unsupervised.get(each.service.id, 0.0))
        yield from (restarts, requests, errors, lag)

    def _gauge(self, name: str, text: str, figure: str) -> Any:
        """A gauge of a figure that is not known of every service."""
        from prometheus_client.core import GaugeMetricFamily

        made = GaugeMetricFamily(f"mlmagic_service_{name}", text, labels=LABELS)
        for each in self.services:
            if figure in each.service.stats:
                made.add_metric(_values(each), each.service.stats[figure])
        return made


def _values(each: Monitored) -> list[str]:
    return [each.service.name, each.service.target]
