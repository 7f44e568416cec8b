"""The metrics of a workspace, and the totals that grow from the traffic history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlmagic.core.endpoint import Endpoint, EndpointVersion
from mlmagic.core.scrape_targets import IDLES, Monitored
from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.engine.monitoring.request_totals import RequestTotals, Totals
from mlmagic.engine.monitoring.workspace_metrics import LABELS, WorkspaceMetrics
from mlmagic.workspace.traffic_history import CountedPoint

SERVES = Webservice(
    "a", "svc", "local", Desired.RUNNING, State.HEALTHY, 3, 0.0, 0.0, serving=2, url="http://127.0.0.1:5001"
)


def samples(metrics: WorkspaceMetrics) -> dict[tuple[str, ...], float]:
    """By the name, and the labels beside service and target."""
    body, content_type = metrics.page("text/plain")
    assert content_type.startswith("text/plain")
    return {
        (sample.name, *(sample.labels[label] for label in sample.labels if label not in LABELS)): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_what_prometheus_reads() -> None:
    service = replace(
        SERVES, models=("net:1", "pre:2"), restarts=1, stats={"replicas": 2.0, "cpu_cores": 0.5}
    )
    found = samples(
        WorkspaceMetrics(
            [Monitored(service, idles=True, endpoint="shop", version="blue")],
            "here",
            {"a": Totals(7, 2)},
            {"a": 12.5},
        )
    )
    states = {state: found["mlmagic_service_state", state.value] for state in State}
    assert states == {state: float(state is State.HEALTHY) for state in State}
    assert found["mlmagic_service_info", "shop", "net:1,pre:2", "2", "blue"] == 1
    assert found["mlmagic_service_discovered", IDLES] == 0
    assert found["mlmagic_service_replicas",] == 2
    assert found["mlmagic_service_cpu_cores",] == 0.5
    assert ("mlmagic_service_memory_bytes",) not in found  # not measured
    assert found["mlmagic_service_restarts_total",] == 1
    assert found["mlmagic_service_requests_total",] == 7
    assert found["mlmagic_service_errors_total",] == 2
    assert found["mlmagic_supervisor_lag_seconds",] == 12.5


def test_the_shares_of_versions() -> None:
    versions = (EndpointVersion("blue", "b", is_default=True), EndpointVersion("green", "g", 10))
    found = samples(WorkspaceMetrics([Monitored(replace(SERVES, endpoint=Endpoint(versions)))], "here"))
    name = "mlmagic_version_traffic_percent"
    assert (found[name, "blue"], found[name, "green"]) == (90, 10)


def test_an_empty_workspace_has_no_services() -> None:
    assert samples(WorkspaceMetrics([], "here")) == {}


def point(number: int, requests: float, service: str = "a", time: float = 0.0) -> CountedPoint:
    return CountedPoint(service, number, time or float(number), requests, requests / 2)


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ([[]], None),
        # What was before the first look is not counted: it was counted before a restart.
        ([[point(1, 10)]], None),
        ([[point(1, 10)], [point(1, 10), point(2, 4)]], 4),
        # Old points are deleted, and a database may then give their id again.
        ([[point(1, 10)], [point(2, 4)], [point(2, 6, time=9.0)]], 10),
        ([[], [point(1, 3)], [point(1, 3)], []], 3),
        ([[], [point(1, 3, service="b")]], None),
    ],
)
def test_totals_only_grow(reads: list[list[CountedPoint]], expected: float | None) -> None:
    totals = RequestTotals()
    for points in reads:
        found = totals.add(points)
    assert found.get("a") == (None if expected is None else Totals(expected, expected / 2))
