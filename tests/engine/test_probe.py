from __future__ import annotations

import pytest

from mlmagic.engine.http import probe
from tests.support.answering import Answering


def test_only_200_is_an_answer(answering: Answering) -> None:
    assert probe.answers(answering.url)
    answering.healthy = False
    assert not probe.answers(answering.url)
    assert not probe.answers("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("body", "stats"),
    [
        (
            '{"requests": 12, "errors": 2, "p50_ms": 1.25, "other": 5}',
            {"requests": 12, "errors": 2, "p50_ms": 1.25},
        ),
        ('{"requests": null, "errors": "2", "p99_ms": true}', {}),
        ("[1]", {}),
        ("# HELP something else\n", {}),
    ],
)
def test_stats(body: str, stats: dict[str, float]) -> None:
    assert probe.stats_of(probe.parse_figures(body)) == stats
