from __future__ import annotations

import re

import pytest

from mlmagic.widgets import figures
from mlmagic.widgets.panel.state import POINTS

FULL = {
    "requests": 12.0,
    "errors": 3.0,
    "p50_ms": 1.23456,
    "p99_ms": 98.7,
    "requests_per_second": 4.5,
    "cpu_cores": 0.25,
    "memory_bytes": 42e6,
    "replicas": 1.0,
}


@pytest.mark.parametrize(
    ("stats", "text"),
    [
        ({}, "no requests yet"),
        ({"requests": 1.0}, "1 request"),
        ({"requests": 12.0, "errors": 3.0}, "12 requests, 3 failed"),
        ({"requests": 2.0, "p50_ms": 1.23456, "p99_ms": 98.7}, "2 requests, p50 1.23 ms, p99 98.7 ms"),
        ({"memory_bytes": 5e6, "replicas": 2.0}, "no requests yet · memory 5 MB · 2 replicas"),
        (
            FULL,
            "12 requests, 3 failed, p50 1.23 ms, p99 98.7 ms · 4.5/s · CPU 0.25 cores · memory 42 MB "
            "· 1 replica",
        ),
    ],
)
def test_figures_in_words(stats: dict[str, float], text: str) -> None:
    assert figures.in_words(stats) == text


def test_what_is_not_known_is_a_dash() -> None:
    told = [figures.per_second, figures.latency, figures.errors, figures.cpu, figures.memory]
    assert [tell({}) for tell in told] == ["–"] * 5
    assert [tell(FULL) for tell in told] == ["4.5/s", "1.23 / 98.7 ms", "3", "0.25 cores", "42 MB"]


def test_the_sparkline_has_a_label_and_stays_in_its_box() -> None:
    assert figures.sparkline([]) == figures.sparkline([(1.0, 2.0)]) == ""
    drawn = figures.sparkline([(0.0, 0.0), (5.0, 9.0), (2.5, 3.0)], width=100, height=20)
    label = "latency, last 3 readings: p50 now 2.5 ms, p99 now 3 ms, highest 9 ms"
    assert f'role="img" aria-label="{label}"' in drawn
    lines = re.findall(r'polyline points="([^"]*)"', drawn)
    assert len(lines) == 2
    for point in " ".join(lines).split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 100
        assert 0 <= y <= 20
    assert 'points="' in figures.sparkline([(0.0, 0.0)] * POINTS)
