"""A service as its Application Insights resource sees it, through Microsoft's own exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlmagic.scoring.telemetry.azure_monitor import TURNED_OFF, AzureMonitor
from mlmagic.scoring.telemetry.destination import CONNECTION_STRING
from mlmagic.scoring.telemetry.otlp import Line
from tests.support.ingestion import Ingestion, ingesting
from tests.support.waiting import wait_for

pytest.importorskip("azure.monitor.opentelemetry.exporter")
pytestmark = pytest.mark.processes

SCRIPT = """
import json, sys
from prometheus_client import Counter
ROWS = Counter("rows", "Rows.", ["kind"])
def init():
    print("loaded")
def run(data):
    print("got", data)
    ROWS.labels("good").inc(3)
    if json.loads(data) == 0:
        raise ValueError("nothing")
    return json.loads(data)
"""
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def ingestion(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingestion]:
    with ingesting() as made:
        monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
        monkeypatch.setenv(CONNECTION_STRING, made.connection_string)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
        monkeypatch.setenv("SERVICE_NAME", "svc")
        monkeypatch.setenv("SERVICE_VERSION", "7")
        yield made


def post(server: Any, body: str, headers: dict[str, str] | None = None) -> int:
    client = server.client()
    client.request("POST", "/score", body, headers or {})
    status: int = client.getresponse().status
    client.close()
    return status


def messages(ingestion: Ingestion) -> list[str]:
    return [each["message"] for each in ingestion.of("MessageData")]


def metrics(ingestion: Ingestion, name: str) -> list[dict[str, Any]]:
    found = [metric for each in ingestion.of("MetricData") for metric in each["metrics"]]
    return [each for each in found if each["name"] == name]


def total(ingestion: Ingestion, name: str) -> float:
    return sum(each["value"] for each in metrics(ingestion, name))


def test_requests_log_and_metrics(ingestion: Ingestion, start_script: Callable[..., Any]) -> None:
    server = start_script(SCRIPT)
    assert [post(server, body, {"traceparent": PARENT}) for body in "120"] == [200, 200, 500]
    wait_for(lambda: len(ingestion.of("RequestData")) == 3, lambda: f"three requests; {ingestion.envelopes}")
    first, second, failed = ingestion.of("RequestData")
    assert (first["name"], first["responseCode"], first["success"]) == ("POST /score", "200", True)
    assert (failed["responseCode"], failed["success"]) == ("500", False)
    assert first["properties"]["mlmagic.request_id"] != second["properties"]["mlmagic.request_id"]
    assert [each["name"] for each in ingestion.of("RemoteDependencyData")] == ["run"] * 3
    operations = {
        (each["tags"]["ai.operation.id"], each["tags"]["ai.operation.parentId"])
        for each in ingestion.envelopes
        if each["data"]["baseType"] == "RequestData"
    }
    assert operations == {(PARENT.split("-")[1], PARENT.split("-")[2])}
    tags = [each["tags"] for each in ingestion.envelopes]
    assert {(each["ai.cloud.role"], each["ai.application.ver"]) for each in tags} == {("svc", "7")}

    wait_for(lambda: "ValueError: nothing" in messages(ingestion), lambda: messages(ingestion))
    assert {"loaded", "got 1"} <= set(messages(ingestion))
    levels = {each["message"]: each["severityLevel"] for each in ingestion.of("MessageData")}
    assert (levels["got 1"], levels["ValueError: nothing"]) == (1, 2)

    # Application Insights adds readings up: each is what was counted since the one before.
    wait_for(lambda: total(ingestion, "rows") >= 9, "the rows of the script's own counter")
    server.process.terminate()
    assert server.ends() == 0
    assert (total(ingestion, "rows"), total(ingestion, "mlmagic_requests")) == (9, 3)
    durations = metrics(ingestion, "mlmagic_request_duration_seconds")
    assert sum(each["count"] for each in durations) == 3
    assert ingestion.paths == {"/v2.1/track"}


def test_what_the_resource_refuses_is_counted_in_the_log(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in TURNED_OFF:  # they are restored after the test
        monkeypatch.setenv(name, "true")
    ingestion.statuses = [400]
    exporter = AzureMonitor({CONNECTION_STRING: ingestion.connection_string}).logs({"service.name": "svc"})
    exporter.add(Line(1_000, "hello", "stdout", {}))
    exporter.close()
    told = capfd.readouterr().err
    assert "mlmagic: 1 lines of the log were not sent to http://127.0.0.1:" in told
    assert told.endswith("it did not accept them, or did not answer\n")
    assert told.count("\n") == 1


def test_two_workers_send_what_they_answer(ingestion: Ingestion, start_script: Callable[..., Any]) -> None:
    server = start_script(SCRIPT, "--workers", "2")
    for _ in range(10):
        assert post(server, "1") == 200
    wait_for(lambda: len(ingestion.of("RequestData")) == 10, "the requests")
    wait_for(lambda: total(ingestion, "mlmagic_requests") == 10, "the metrics of both")
