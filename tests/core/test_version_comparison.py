"""Whether versions differ by more than chance."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.endpoint import EndpointVersion, VersionFigures, first_version
from mlmagic.core.version_comparison import chance_of_errors, chance_of_latencies, comparison
from mlmagic.core.webservice import Desired, State, Webservice


def figures(requests: int, errors: int = 0, ms: float = 10.0, seed: int = 1) -> VersionFigures:
    """Figures of a version that takes about ``ms``, in buckets of a millisecond."""
    chance = random.Random(seed)
    counts: dict[float, int] = {}
    for _ in range(requests):
        low = float(int(chance.gauss(ms, 2)))
        counts[low] = counts.get(low, 0) + 1
    buckets = tuple((low, low + 1, float(count)) for low, count in sorted(counts.items()))
    return VersionFigures(requests, errors, 1.0, ms, 2 * ms, buckets)


def service(**found: VersionFigures) -> Webservice:
    endpoint = first_version("blue", "svc-blue", 0)
    for name in found:
        if name != "blue":
            endpoint = endpoint.with_version(EndpointVersion(name, f"svc-{name}"))
    record = Webservice("id", "shop", "local", Desired.RUNNING, State.HEALTHY, 1, 0.0, 0.0)
    return replace(record, endpoint=endpoint, version_figures=found)


@pytest.mark.parametrize(
    ("blue", "green", "words"),
    [
        (figures(500), figures(500, seed=2), "No version differs from blue by more than chance."),
        (figures(500), figures(20, 20, 99), "Too few requests yet"),
        (figures(20), figures(500), "Too few requests yet"),
        (
            figures(500),
            figures(500, 25, seed=2),
            "green fails more often than blue: 5 % of its requests against 0 %.",
        ),
        (figures(500, 25), figures(500, seed=2), "green fails less often than blue"),
        (figures(500), figures(500, 0, 12.0, seed=2), "green is slower than blue: p50 12 ms against 10 ms."),
        (figures(500), figures(500, 0, 8.0, seed=2), "green is faster than blue"),
    ],
)
def test_what_is_said(blue: VersionFigures, green: VersionFigures, words: str) -> None:
    assert words in comparison(service(blue=blue, green=green))


def test_nothing_is_said_of_one_version_or_of_a_plain_service() -> None:
    assert comparison(service(blue=figures(500))) == ""
    assert comparison(replace(service(blue=figures(1)), endpoint=None)) == ""


def test_equal_versions_seem_different_as_rarely_as_promised() -> None:
    found = [
        chance_of_latencies(figures(200, seed=2 * n).latencies, figures(200, seed=2 * n + 1).latencies)
        for n in range(300)
    ]
    assert sum(each < 0.01 for each in found) <= 9  # 3 are expected


@pytest.mark.parametrize(
    ("one", "other", "is_chance"),
    [
        ((0, 0), (0, 0), True),
        ((10, 0), (10, 0), True),
        ((100, 100), (100, 100), True),
        ((300, 9), (300, 0), False),
    ],
)
def test_error_rates(one: tuple[int, int], other: tuple[int, int], is_chance: bool) -> None:
    found = chance_of_errors(VersionFigures(*one), VersionFigures(*other))
    assert (found > 0.01) is is_chance


def test_scipy_agrees(tmp_path: Path) -> None:
    scipy: Any = pytest.importorskip("scipy.stats")
    one, other = figures(150, ms=10), figures(170, ms=10.5, seed=4)

    def values(found: VersionFigures) -> list[float]:
        return [low for low, _, count in found.latencies for _ in range(int(count))]

    theirs = scipy.mannwhitneyu(values(one), values(other), method="asymptotic", use_continuity=False).pvalue
    assert chance_of_latencies(one.latencies, other.latencies) == pytest.approx(theirs, rel=1e-6)
