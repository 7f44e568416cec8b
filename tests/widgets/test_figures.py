from __future__ import annotations

import pytest

from mlmagic.widgets import figures

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
    ("stats", "shown"),
    [
        ({}, []),
        ({"requests": 0.0, "errors": 0.0}, []),
        ({"requests": 12345.0}, [("Requests", "12,345")]),
        ({"memory_bytes": 5e6, "replicas": 2.0}, [("Memory", "5 MB"), ("Replicas", "2")]),
        (
            FULL,
            [
                ("Requests", "12"),
                ("Errors", "3"),
                ("Rate", "4.5/s"),
                ("p50 / p99", "1.23 / 98.7 ms"),
                ("CPU", "0.25 cores"),
                ("Memory", "42 MB"),
                ("Replicas", "1"),
            ],
        ),
    ],
)
def test_metrics_that_are_known(stats: dict[str, float], shown: list[tuple[str, str]]) -> None:
    assert figures.pairs(stats) == shown


@pytest.mark.parametrize(
    ("ready", "wanted", "shown"),
    [(2, None, "2"), (2, 2, "2"), (2, 3, "2 of 3"), (0, 1, "0, until the next request")],
)
def test_replicas_are_told_with_what_is_wanted(ready: int, wanted: int | None, shown: str) -> None:
    assert figures.replicas({"replicas": float(ready)}, wanted) == shown


def test_what_is_not_known_is_a_dash() -> None:
    told = [figures.per_second, figures.latency, figures.errors, figures.cpu, figures.memory]
    assert [tell({}) for tell in told] == ["–"] * 5
    assert [tell(FULL) for tell in told] == ["4.5/s", "1.23 / 98.7 ms", "3", "0.25 cores", "42 MB"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (24306.2, "24,300"),
        (1234.5, "1,230"),
        (999.6, "1,000"),
        (100, "100"),
        (12.34, "12.3"),
        (3.0, "3"),
        (0.05231, "0.0523"),
        (float("nan"), "–"),
    ],
)
def test_figures_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert figures.rounded(value) == text
