from __future__ import annotations

from mlmagic.engine import probe
from tests.engine.conftest import Answering


def test_only_200_is_an_answer(answering: Answering) -> None:
    assert probe.answers(answering.url)
    answering.healthy = False
    assert not probe.answers(answering.url)
    assert not probe.answers("http://127.0.0.1:1")


def test_stats_are_read_off_prometheus_text() -> None:
    text = (
        "# HELP mlmagic_requests_total All.\n"
        "mlmagic_requests_total 12\n"
        "mlmagic_request_errors_total 2\n"
        'mlmagic_request_duration_seconds{quantile="0.5"} 0.00125\n'
        'mlmagic_request_duration_seconds{quantile="0.99"} NaN\n'
        "other_total 5\n"
        "broken\n"
    )
    assert probe.parse_stats(text) == {"requests": 12.0, "errors": 2.0, "p50_ms": 1.25}
