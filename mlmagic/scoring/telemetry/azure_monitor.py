"""Sends traces, log and metrics to Application Insights, with Microsoft's exporter for Azure Monitor.

It is used where APPLICATIONINSIGHTS_CONNECTION_STRING is set and no OpenTelemetry collector. The package
``azure-monitor-opentelemetry-exporter`` must be in the service's environment. What it would exchange with
Microsoft for itself is turned off unless the environment turns it on: statistics on its use, and settings.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.telemetry.destination import (
    AZURE_MONITOR_PACKAGE,
    CONNECTION_STRING,
    InvalidDestination,
    endpoint_of,
)
from mlmagic.scoring.telemetry.exporter import ExporterHere
from mlmagic.scoring.telemetry.otlp import Line
from mlmagic.scoring.telemetry.spans import spans_of

TURNED_OFF = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
}
_NEVER = logging.CRITICAL + 1
_SETTINGS = {
    "disable_offline_storage": True,  # what is lost is counted in the log, as with a collector
    "timeout": 5.0,  # for a connection
    "read_timeout": 5.0,
    "retry_total": 2,
    "retry_backoff_max": 2.0,
}


class AzureMonitorDelivery:
    """Sends one kind of records to an Application Insights resource."""

    def __init__(self, exporter: Any, convert: Callable[[Sequence[Any]], Any]) -> None:
        """``exporter`` is one of Microsoft's; ``convert`` makes of the records what it takes."""
        self._exporter, self._convert = exporter, convert

    def deliver(self, records: Sequence[Any]) -> Outcome:
        """Send them; Microsoft's exporter makes further attempts itself."""
        result = self._exporter.export(self._convert(records))
        if result.name == "SUCCESS":
            return Outcome(len(records))
        return Outcome(dropped=len(records), reason="it did not accept them, or did not answer")

    def again(self) -> Outcome:
        """Nothing is kept for another attempt."""
        return Outcome()

    def close(self) -> None:
        """Close its connections."""
        self._exporter.shutdown()


class AzureMonitor:
    """The exporters of one process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Raises `InvalidDestination` if the connection string is wrong or the package is missing."""
        self._connection = environment[CONNECTION_STRING].strip()
        self._url = endpoint_of(self._connection)
        for name, value in TURNED_OFF.items():
            os.environ.setdefault(name, value)  # the package reads them when it is imported
        try:
            from azure.monitor.opentelemetry import exporter

            from mlmagic.scoring.telemetry import azure_monitor_records
        except ImportError as error:
            raise InvalidDestination(
                f"{CONNECTION_STRING} needs the package {AZURE_MONITOR_PACKAGE}: {error}"
            ) from None
        # Their lines about each request would be sent, too, and so would lead to more of them.
        logging.getLogger("azure.monitor.opentelemetry.exporter").setLevel(_NEVER)
        logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
        self._package, self._records = exporter, azure_monitor_records
        self.changes = azure_monitor_records.Changes().read
        """Encodes the metrics."""

    def traces(self, resource: Mapping[str, str]) -> ExporterHere:
        """The exporter of spans; ``resource`` describes the service."""
        described = self._records.resource_of(resource)
        return self._made(
            "traces",
            self._package.AzureMonitorTraceExporter,
            lambda answered: [
                self._records.span(described, span) for each in answered for span in spans_of(each)
            ],
        )

    def logs(self, resource: Mapping[str, str]) -> ExporterHere:
        """The exporter of the lines of the log."""
        described = self._records.resource_of(resource)
        return self._made(
            "lines of the log",
            self._package.AzureMonitorLogExporter,
            lambda lines: [self._records.line(described, Line.of(each)) for each in lines],
        )

    def metrics(self, resource: Mapping[str, str]) -> ExporterHere:
        """The exporter of the metrics, of which each record is one reading."""
        described = self._records.resource_of(resource)
        return self._made(
            "metrics",
            self._package.AzureMonitorMetricExporter,
            lambda readings: self._records.metrics_data(described, readings),
        )

    def _made(self, what: str, kind: Any, convert: Callable[[Sequence[Any]], Any]) -> ExporterHere:
        try:
            made = kind(connection_string=self._connection, **_SETTINGS)
        except ValueError as error:
            raise InvalidDestination(f"{CONNECTION_STRING} is wrong: {error}") from None
        return ExporterHere(what, self._url, AzureMonitorDelivery(made, convert))
