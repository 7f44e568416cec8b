"""The metrics of GET /metrics as a collector gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary

from mlmagic.scoring.metrics import BOUNDS_S, Counters, Exposition
from mlmagic.scoring.telemetry.otlp_metrics import encoded
from tests.support.collector import Collector, attributes, collecting
from tests.support.waiting import wait_for

SCRIPT = """
from prometheus_client import Counter
ROWS = Counter("rows", "Rows.", ["kind"])
def init(): ...
def run(data):
    ROWS.labels("good").inc(3)
    return 1 / int(data)
"""


def parsed(families: Any) -> dict[str, Any]:
    return {each["name"]: ParseDict(each, Metric()) for each in encoded(families, 1, 2)}


def test_the_counters_of_a_server() -> None:
    counters = Counters()
    counters.record(0.0007, 200)
    counters.record(0.5, 200)
    counters.record(61.0, 500)
    counters.in_flight = 4
    found = parsed(Exposition(counters).collect())
    requests = found["mlmagic_requests"].sum
    assert (requests.is_monotonic, requests.aggregation_temporality) == (True, 2)
    by_code = {attributes(point)["code"]: point.as_double for point in requests.data_points}
    assert by_code == {"200": 2, "500": 1}
    assert {(point.start_time_unix_nano, point.time_unix_nano) for point in requests.data_points} == {(1, 2)}
    [in_flight] = found["mlmagic_requests_in_flight"].gauge.data_points
    assert in_flight.as_double == 4
    [duration] = found["mlmagic_request_duration_seconds"].histogram.data_points
    assert tuple(duration.explicit_bounds) == BOUNDS_S
    assert len(duration.bucket_counts) == len(BOUNDS_S) + 1
    # Of each bucket alone, where Prometheus has sums.
    counted = dict(zip((*BOUNDS_S, None), duration.bucket_counts, strict=True))
    assert {bound: count for bound, count in counted.items() if count} == {0.001: 1, 0.5: 1, None: 1}
    assert duration.count == 3
    assert duration.sum == pytest.approx(61.5007)


def test_what_a_script_registers() -> None:
    registry = CollectorRegistry()
    Gauge("g", "A gauge.", registry=registry).set(float("inf"))
    Counter("c", "A counter.", ["a"], registry=registry).labels("ö\ud800").inc()
    Histogram("h", "A histogram.", ["a"], registry=registry, buckets=(1, 2)).labels("x").observe(1.5)
    Info("i", "An info.", registry=registry).info({"version": "1"})
    Summary("s", "A summary.", registry=registry).observe(1.5)
    Enum("e", "States.", states=["on", "off"], registry=registry)
    Counter("unused", "Without a sample.", ["a"], registry=registry)
    found = parsed(registry.collect())
    assert set(found) == {"g", "c", "h", "i", "s", "e"}
    assert found["g"].gauge.data_points[0].as_double == float("inf")
    assert attributes(found["c"].sum.data_points[0]) == {"a": "ö?"}
    assert list(found["h"].histogram.data_points[0].bucket_counts) == [0, 1, 0]
    assert attributes(found["i"].gauge.data_points[0]) == {"version": "1"}
    [summary] = found["s"].summary.data_points
    assert (summary.count, summary.sum) == (1, 1.5)
    assert {attributes(each)["e"]: each.as_double for each in found["e"].gauge.data_points} == {
        "on": 1,
        "off": 0,
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        monkeypatch.setenv("SERVICE_NAME", "svc")
        yield made


def post(server: Any, body: str) -> int:
    client = server.client()
    client.request("POST", "/score", body)
    status: int = client.getresponse().status
    client.close()
    return status


@pytest.mark.processes
@pytest.mark.parametrize("options", [(), ("--workers", "3")])
def test_a_server_sends_its_metrics_again_and_again(
    collector: Collector, start_script: Callable[..., Any], options: tuple[str, ...]
) -> None:
    server = start_script(SCRIPT, *options)
    for _ in range(5):
        assert post(server, "4") == 200
    assert post(server, "0") == 500

    def by_code() -> dict[str, float]:
        metric = collector.latest("mlmagic_requests")
        points = metric.sum.data_points if metric is not None else ()
        return {attributes(point)["code"]: point.as_double for point in points}

    # Of all replicas, once.
    wait_for(lambda: by_code() == {"200": 5, "500": 1}, by_code, timeout=20)
    assert {each["service.name"] for each in collector.measured} == {"svc"}
    assert len({each["service.instance.id"] for each in collector.measured}) == 1
    if not options:
        assert collector.latest("rows").sum.data_points[0].as_double == 18
        assert post(server, "4") == 200
        server.process.terminate()  # the last ones are sent at the end
        assert server.ends() == 0
        assert by_code() == {"200": 6, "500": 1}


@pytest.mark.processes
def test_metrics_can_be_turned_off(
    collector: Collector, start_script: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    server = start_script(SCRIPT)
    assert post(server, "4") == 200
    server.process.terminate()
    assert server.ends() == 0
    assert collector.spans
    assert collector.metrics == []
