"""What the versions of an endpoint have answered, from what the router counts since its start."""

from __future__ import annotations

from typing import Any

from mlmagic.engine.endpoints.meter import WINDOW_SECONDS, VersionMeter


def reading(requests: int, errors: int = 0, uptime: float = 1000.0, **more: Any) -> dict[str, Any]:
    """Of one version, with all requests between 10 and 20 ms."""
    buckets = [[10.0, 20.0, requests]] if requests else []
    return {
        "instance": "a",
        "uptime_s": uptime,
        "requests": requests,
        "errors": errors,
        "latencies_ms": buckets,
        **more,
    }


def test_figures_are_those_since_the_first_reading() -> None:
    meter = VersionMeter()
    meter.add({"blue": reading(500)}, 100.0)
    assert meter.figures()["blue"].requests == 0  # what was before is not known to be of late
    meter.add({"blue": reading(520, 2)}, 110.0)
    found = meter.figures()["blue"]
    assert (found.requests, found.errors, found.requests_per_second) == (20, 2, 2.0)
    assert (found.p50_ms, found.error_rate) == (15.0, 0.1)


def test_a_version_that_is_new_is_measured_from_its_first_request_on() -> None:
    meter = VersionMeter()
    meter.add({"green": reading(8, uptime=4.0)}, 100.0)
    assert (meter.figures()["green"].requests, meter.figures()["green"].requests_per_second) == (8, 2.0)


def test_figures_are_those_of_the_last_minutes() -> None:
    meter = VersionMeter()
    for minute in range(20):
        meter.add({"blue": reading(100 * minute)}, 60.0 * minute)
    assert meter.figures()["blue"].requests == 100 * WINDOW_SECONDS / 60
    meter.add({"green": reading(1)}, 1201.0)
    assert list(meter.figures()) == ["green"]  # a version that is gone is forgotten


def test_a_step_is_measured_from_its_begin() -> None:
    meter = VersionMeter()
    meter.add({"blue": reading(100)}, 100.0)
    meter.begin_step(1)
    meter.add({"blue": reading(130, 3), "green": reading(5, uptime=1.0)}, 110.0)
    meter.begin_step(1)
    assert (meter.window("blue").requests, meter.window("blue").value("errors")) == (30, 0.1)
    assert meter.window("green").requests == 5
    assert meter.window("red").value("p99") is None
    meter.begin_step(2)
    assert meter.window("blue").requests == 0


def test_a_router_that_was_started_again_counts_from_zero() -> None:
    meter = VersionMeter()
    meter.add({"blue": reading(100)}, 100.0)
    meter.begin_step(1)
    meter.add({"blue": reading(7, instance="b")}, 110.0)
    assert meter.figures()["blue"].requests == meter.window("blue").requests == 7


def test_copies_are_counted_apart() -> None:
    meter = VersionMeter()
    shadow = {"requests": 3, "same": 2, "different": 1, "failed": 0, "skipped": 0, "latencies_ms": []}
    meter.add({"green": reading(0, shadow=shadow)}, 100.0)
    assert meter.figures()["green"].shadow == {
        key: value for key, value in shadow.items() if key != "latencies_ms"
    }
