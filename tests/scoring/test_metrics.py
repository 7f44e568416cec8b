import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlmagic.scoring.metrics import BOUNDS_S, FINE_BOUNDS_S, WINDOW, Counters, Exposition


@pytest.mark.parametrize(
    ("latencies", "q", "expected"),
    [([], 0.5, 0.0), ([0.2], 0.99, 0.2), ([0.1, 0.3, 0.2], 0.5, 0.2), (range(100), 0.99, 99)],
)
def test_quantiles(latencies, q, expected):
    counters = Counters()
    for seconds in latencies:
        counters.record(seconds, 200)
    assert counters.quantile(q) == expected


@pytest.fixture
def counters():
    """One slow failure, then many of half a second."""
    counters = Counters()
    counters.record(9.0, 500)
    for _ in range(WINDOW):
        counters.record(0.5, 200)
    return counters


def test_only_the_latest_are_ranked_but_all_are_counted(counters):
    summary = counters.summary()
    assert summary.pop("instance") != Counters().instance
    assert 0 <= summary.pop("uptime_s") < 60
    assert summary == {
        "requests": WINDOW + 1,
        "errors": 1,
        "in_flight": 0,
        "p50_ms": 500.0,
        "p99_ms": 500.0,
        "latencies_ms": [[400.0, 500.0, WINDOW], [8000.0, 10000.0, 1]],
    }


def test_the_slowest_are_in_a_bucket_without_an_upper_bound():
    counters = Counters()
    counters.record(61.0, 200)
    counters.record(0.0, 200)
    assert counters.summary()["latencies_ms"] == [[0.0, 0.1, 1], [60000.0, None, 1]]


def test_the_buckets_of_prometheus_are_made_of_the_fine_ones():
    assert set(BOUNDS_S) <= set(FINE_BOUNDS_S)
    assert len(FINE_BOUNDS_S) == 60


def test_prometheus_can_read_it(counters):
    body, content_type = Exposition(counters).page("text/plain")
    assert content_type.startswith("text/plain")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert samples["mlmagic_requests_total", "200"] == WINDOW
    assert samples["mlmagic_requests_total", "500"] == 1
    assert samples["mlmagic_request_duration_seconds_bucket", "0.25"] == 0
    assert samples["mlmagic_request_duration_seconds_bucket", "0.5"] == WINDOW
    assert samples["mlmagic_request_duration_seconds_bucket", "+Inf"] == WINDOW + 1
    assert samples["mlmagic_request_duration_seconds_count",] == WINDOW + 1


def test_what_the_script_measures_is_on_the_same_page(counters):
    from prometheus_client import REGISTRY, Counter

    drift = Counter("rows_seen", "Rows that run() has seen.")
    try:
        drift.inc(3)
        body, content_type = Exposition(counters).page("application/openmetrics-text; version=1.0.0")
        assert b"rows_seen_total 3.0" in body
        assert body.endswith(b"# EOF\n")
        assert content_type.startswith("application/openmetrics-text")
    finally:
        REGISTRY.unregister(drift)
