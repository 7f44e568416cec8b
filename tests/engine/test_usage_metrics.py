from __future__ import annotations

from mlmagic.core.usage import Usage
from mlmagic.engine.services.usage_metrics import USAGE_SECONDS, UsageMetrics


def test_figures_are_of_the_time_between_two_looks() -> None:
    metrics = UsageMetrics()
    assert metrics.wants_usage(0.0)
    metrics.note_usage(Usage(10.0, 50_400_000), 0.0)
    assert metrics.stats({"requests": 100}, 1, 0.0) == {"requests": 100, "memory_bytes": 5e7, "replicas": 1.0}
    assert not metrics.wants_usage(USAGE_SECONDS / 2)
    metrics.note_usage(Usage(12.0, 51_600_000), 4.0)
    assert metrics.stats({"requests": 130}, 2, 2.0) == {
        "requests": 130,
        "requests_per_second": 15.0,
        "memory_bytes": 5.2e7,
        "cpu_cores": 0.5,
        "replicas": 2.0,
    }


def test_a_place_that_cannot_tell_says_nothing() -> None:
    metrics = UsageMetrics()
    metrics.note_usage(Usage(), 0.0)
    metrics.note_usage(Usage(), 9.0)
    assert metrics.stats({}, 1, 9.0) == {"replicas": 1.0}
