"""OpenTelemetry's variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from mlmagic.scoring.delivery.process import DeliveryProcess
from mlmagic.scoring.telemetry.azure_monitor import TURNED_OFF
from mlmagic.scoring.telemetry.destination import (
    CONNECTION_STRING,
    ENABLED,
    INTERVAL,
    Destination,
    InvalidDestination,
    destination,
    endpoint_of,
    is_enabled,
    metric_interval,
    note_on_protocol,
    resource,
    sends_to_azure_monitor,
)
from mlmagic.scoring.telemetry.telemetry import Telemetry

HERE = "OTEL_EXPORTER_OTLP_ENDPOINT"
OF_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "traces", "logs"),
    [
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m"}, None, None),
        ({}, None, None),
        ({HERE: "http://c:4318"}, "http://c:4318/v1/traces", "http://c:4318/v1/logs"),
        ({HERE: "http://c:4318/"}, "http://c:4318/v1/traces", "http://c:4318/v1/logs"),
        ({HERE: "https://c/otlp"}, "https://c/otlp/v1/traces", "https://c/otlp/v1/logs"),
        ({OF_TRACES: "http://t/x"}, "http://t/x", None),
        ({HERE: "http://c", OF_TRACES: "http://t/x"}, "http://t/x", "http://c/v1/logs"),
        ({HERE: "http://c", "OTEL_TRACES_EXPORTER": "none"}, None, "http://c/v1/logs"),
        ({HERE: "http://c", "OTEL_LOGS_EXPORTER": "None"}, "http://c/v1/traces", None),
    ],
)
def test_where_records_go(environment: Mapping[str, str], traces: str | None, logs: str | None) -> None:
    found = [destination(environment, signal) for signal in ("traces", "logs")]
    assert [each.url if each else None for each in found] == [traces, logs]


@pytest.mark.parametrize(
    ("url", "compressed"),
    [
        ("http://localhost:4318", False),
        ("http://127.0.0.1:4318", False),
        ("https://[::1]", False),
        ("http://collector:4318", True),
        ("http://10.0.0.1:4318", True),
    ],
)
def test_what_leaves_the_machine_is_compressed(url: str, compressed: bool) -> None:
    assert Destination(url, {}, 1.0).is_compressed is compressed


def test_where_and_when_metrics_go() -> None:
    found = destination({HERE: "http://c:4318"}, "metrics")
    assert found is not None
    assert found.url == "http://c:4318/v1/metrics"
    assert destination({HERE: "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, "metrics") is None
    assert (metric_interval({}), metric_interval({INTERVAL: "2500"})) == (60, 2.5)
    with pytest.raises(InvalidDestination, match="OTEL_METRIC_EXPORT_INTERVAL is '1s': it must be milli"):
        metric_interval({INTERVAL: "1s"})


def test_headers_timeout_and_certificate() -> None:
    found = destination(
        {
            HERE: "https://c",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b%3D, x-tenant = me",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "/ca.pem",
        },
        "traces",
    )
    assert found is not None
    assert found.headers == {"api-key": "a b=", "x-tenant": "me"}
    assert (found.timeout_seconds, found.certificate) == (2.5, "/ca.pem")


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({HERE: "collector:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT is 'collector:4317': it must be an http"),
        ({HERE: "grpc://c"}, "must be an http or https URL"),
        ({OF_TRACES: "c"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is 'c'"),
        ({HERE: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "must be milliseconds"),
        ({HERE: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%0D%0Ac"}, "a header 'a' that cannot be sent"),
    ],
)
def test_what_cannot_be_used_is_named(environment: Mapping[str, str], told: str) -> None:
    with pytest.raises(InvalidDestination, match=told.replace("(", r"\(")) as caught:
        destination(environment, "traces")
    assert "b\r" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "enabled"),
    [
        ({}, False),
        ({ENABLED: "true"}, True),
        ({ENABLED: "True"}, True),
        ({ENABLED: "false"}, False),
        ({ENABLED: "true", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_it_is_turned_on_and_off(environment: Mapping[str, str], enabled: bool) -> None:
    assert is_enabled(environment) is enabled


def test_the_service_is_described_and_another_protocol_is_named() -> None:
    assert resource({"SERVICE_NAME": "svc", "SERVICE_VERSION": "3"}) == {
        "service.name": "svc",
        "service.version": "3",
        "telemetry.sdk.name": "mlmagic",
        "telemetry.sdk.language": "python",
    }
    given = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod,service.name=a", "SERVICE_NAME": "svc"}
    assert resource(given)["service.name"] == "a"
    assert resource(given)["deployment.environment"] == "prod"
    assert resource({**given, "OTEL_SERVICE_NAME": "b"})["service.name"] == "b"
    assert note_on_protocol({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}) == ""
    assert "=grpc has no effect" in note_on_protocol({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


KEY = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"InstrumentationKey={KEY};IngestionEndpoint=https://west.in/;LiveEndpoint=x", "https://west.in/"),
        (f"ingestionendpoint=http://127.0.0.1:9;instrumentationkey={KEY}", "http://127.0.0.1:9"),
        (f" InstrumentationKey = {KEY} ", "https://dc.services.visualstudio.com"),
    ],
)
def test_the_endpoint_of_a_connection_string(text: str, url: str) -> None:
    assert endpoint_of(text) == url


@pytest.mark.parametrize(
    "text", [KEY, "", "IngestionEndpoint=https://x", f"InstrumentationKey={KEY};IngestionEndpoint=x"]
)
def test_a_wrong_connection_string_is_told_without_its_key(text: str) -> None:
    with pytest.raises(InvalidDestination, match="must be as the Azure portal shows it") as told:
        endpoint_of(text)
    assert KEY not in str(told.value)


@pytest.mark.parametrize(
    ("environment", "sends"),
    [
        ({CONNECTION_STRING: "x"}, True),
        ({CONNECTION_STRING: " "}, False),
        ({CONNECTION_STRING: "x", HERE: "http://c"}, False),
        ({CONNECTION_STRING: "x", OF_TRACES: "http://c"}, False),
        ({}, False),
    ],
)
def test_a_collector_comes_before_application_insights(environment: Mapping[str, str], sends: bool) -> None:
    assert sends_to_azure_monitor(environment) is sends


def test_without_the_exporters_package_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", None)
    for name in TURNED_OFF:  # they are restored after the test
        monkeypatch.setenv(name, "true")
    environment = {ENABLED: "true", CONNECTION_STRING: f"InstrumentationKey={KEY}"}
    assert Telemetry.of(DeliveryProcess(), environment) is None
    told = capsys.readouterr().err
    assert told.startswith("mlmagic: no traces, logs or metrics are sent: ")
    assert "needs the package azure-monitor-opentelemetry-exporter" in told
