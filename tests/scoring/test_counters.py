import pytest

from mlmagic.scoring.counters import WINDOW, Counters


@pytest.mark.parametrize(
    ("latencies", "q", "expected"),
    [([], 0.5, 0.0), ([0.2], 0.99, 0.2), ([0.1, 0.3, 0.2], 0.5, 0.2), (range(100), 0.99, 99)],
)
def test_quantiles(latencies, q, expected):
    counters = Counters()
    for seconds in latencies:
        counters.record(seconds, False)
    assert counters.quantile(q) == expected


def test_only_the_latest_are_ranked_but_all_are_counted():
    counters = Counters()
    counters.record(9.0, True)
    for _ in range(WINDOW):
        counters.record(0.5, False)
    assert counters.quantile(1.0) == 0.5
    lines = counters.exposition().splitlines()
    assert f"mlmagic_requests_total {WINDOW + 1}" in lines
    assert "mlmagic_request_errors_total 1" in lines
    assert 'mlmagic_request_duration_seconds{quantile="0.99"} 0.500000' in lines
    assert f"mlmagic_request_duration_seconds_count {WINDOW + 1}" in lines
