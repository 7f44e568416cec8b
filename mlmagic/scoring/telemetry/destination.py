"""Where traces, logs and metrics go: OpenTelemetry's own environment variables.

Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

ENABLED = "AML_APP_INSIGHTS_ENABLED"
"""Of Azure ML v1's server: what ``enable_app_insights`` of a deployment sets."""
PREFIX = "OTEL_"
CONNECTION_STRING = "APPLICATIONINSIGHTS_CONNECTION_STRING"
"""Of an Application Insights resource: where everything goes if no collector is named."""
AZURE_MONITOR_PACKAGE = "azure-monitor-opentelemetry-exporter"
"""What sends to it."""
_GLOBAL_ENDPOINT = "https://dc.services.visualstudio.com"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES, LOGS, METRICS = "traces", "logs", "metrics"
SIGNALS = (TRACES, LOGS, METRICS)
INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS = 60_000
_TIMEOUT_MS = 10_000
_JSON = "http/json"


class InvalidDestination(Exception):
    """A variable has an invalid value; the message names it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one kind of records goes."""

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float
    certificate: str | None = None
    """The file of a certificate authority, instead of the system's."""

    @property
    def is_compressed(self) -> bool:
        """Whether what is sent is compressed: not to this machine, where that saves nothing at either end."""
        return not _is_loopback(self.url)


def is_enabled(environment: Mapping[str, str]) -> bool:
    """Whether the deployment asks for traces, logs and metrics."""
    return environment.get(ENABLED, "").strip().lower() == "true" and not is_disabled(environment)


def is_disabled(environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry is turned off as a whole."""
    return environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def has_endpoint(environment: Mapping[str, str]) -> bool:
    """Whether any of the variables says where to send them."""
    return any(environment.get(name, "").strip() for name in (ENDPOINT, *map(_of, SIGNALS)))


def sends_to_azure_monitor(environment: Mapping[str, str]) -> bool:
    """Whether an Application Insights resource gets them: one is named, and no collector."""
    return bool(environment.get(CONNECTION_STRING, "").strip()) and not has_endpoint(environment)


def endpoint_of(connection_string: str) -> str:
    """The URL that a connection string names. Raises `InvalidDestination`, without the key in it."""
    parts = (each.partition("=") for each in connection_string.split(";"))
    values = {name.strip().lower(): value.strip() for name, _, value in parts}
    url = values.get("ingestionendpoint") or _GLOBAL_ENDPOINT
    place = urlsplit(url)
    if not values.get("instrumentationkey") or place.scheme not in ("http", "https") or not place.hostname:
        raise InvalidDestination(
            f"{CONNECTION_STRING} must be as the Azure portal shows it: "
            "InstrumentationKey=...;IngestionEndpoint=https://..."
        )
    return url


def is_sent(environment: Mapping[str, str], signal: str) -> bool:
    """Whether the records of a signal are wanted at all."""
    return environment.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() != "none"


def destination(environment: Mapping[str, str], signal: str) -> Destination | None:
    """Where the records of a signal go; None if nowhere. Raises `InvalidDestination`."""
    if not is_sent(environment, signal):
        return None
    own, general = environment.get(_of(signal), "").strip(), environment.get(ENDPOINT, "").strip()
    url = own or (f"{general.rstrip('/')}/v1/{signal}" if general else "")
    if not url:
        return None
    name = _of(signal) if own else ENDPOINT
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidDestination(f"{name} is {own or general!r}: it must be an http or https URL")
    return Destination(
        url,
        {**_headers(_setting(environment, signal, "HEADERS"))},
        _timeout(environment, signal),
        _setting(environment, signal, "CERTIFICATE") or None,
    )


def loopback_endpoints(environment: Mapping[str, str]) -> list[str]:
    """The variables, as NAME=value, whose address is the loopback interface: of a container, its own."""
    names = (ENDPOINT, *map(_of, SIGNALS))
    given = {name: environment.get(name, "").strip() for name in names}
    return [f"{name}={value}" for name, value in given.items() if _is_loopback(value)]


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:  # another name, or no URL, which `destination` refuses
        return False


def metric_interval(environment: Mapping[str, str]) -> float:
    """Seconds between two readings of the metrics. Raises `InvalidDestination`."""
    return _seconds(INTERVAL, environment.get(INTERVAL, "").strip(), _INTERVAL_MS)


def note_on_protocol(environment: Mapping[str, str]) -> str:
    """A sentence if a protocol is asked for that is not the one that is sent; empty if not."""
    asked = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if asked in ("", _JSON):
        return ""
    return (
        f"OTEL_EXPORTER_OTLP_PROTOCOL={asked[:100]} has no effect: everything is sent as {_JSON}, "
        "which collectors take at port 4318."
    )


def resource(environment: Mapping[str, str]) -> dict[str, str]:
    """What describes the service in all its records."""
    given = dict(_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    name = (
        environment.get("OTEL_SERVICE_NAME") or given.get("service.name") or environment.get("SERVICE_NAME")
    )
    version = environment.get("SERVICE_VERSION")
    return {
        **({"service.version": version} if version else {}),
        **given,
        "service.name": name or "unknown_service:mlmagic",
        "telemetry.sdk.name": "mlmagic",
        "telemetry.sdk.language": "python",
    }


def replica() -> dict[str, str]:
    """What tells this process from other replicas; the host is the pod or the container, if there is one."""
    import uuid

    return {"host.name": socket.gethostname(), "service.instance.id": str(uuid.uuid4())}


def _of(signal: str) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"


def _setting(environment: Mapping[str, str], signal: str, what: str) -> str:
    own = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", "").strip()
    return own or environment.get(f"OTEL_EXPORTER_OTLP_{what}", "").strip()


def _timeout(environment: Mapping[str, str], signal: str) -> float:
    text = _setting(environment, signal, "TIMEOUT")
    return _seconds("OTEL_EXPORTER_OTLP_TIMEOUT", text, _TIMEOUT_MS)


def _seconds(name: str, milliseconds: str, default: int) -> float:
    if not milliseconds:
        return default / 1000
    if not milliseconds.isascii() or not milliseconds.isdigit() or not int(milliseconds):
        raise InvalidDestination(f"{name} is {milliseconds!r}: it must be milliseconds, 1 or more")
    return int(milliseconds) / 1000


def _headers(text: str) -> dict[str, str]:
    found = dict(_pairs(text))
    for name, value in found.items():
        if not name.isascii() or any(mark in name + value for mark in "\r\n\0") or " " in name:
            # Not the value: it is often a key.
            raise InvalidDestination(f"OTEL_EXPORTER_OTLP_HEADERS has a header {name!r} that cannot be sent")
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """``a=1,b=2`` with percent-encoded values."""
    parts = (each.partition("=") for each in text.split(",") if each.strip())
    return [(name.strip(), unquote(value.strip())) for name, joint, value in parts if joint and name.strip()]
