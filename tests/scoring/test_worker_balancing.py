"""What a dispatcher decides, and one answer for several workers."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.scoring.control import joined_answer
from mlmagic.scoring.workers.balancing import is_probe, least_connections, restart_delay


@pytest.mark.parametrize(
    ("connections", "after", "chosen"),
    [
        ({}, 0, None),
        ({1: 5}, 1, 1),
        ({1: 2, 2: 1, 3: 1}, 0, 2),
        ({1: 2, 2: 1, 3: 1}, 2, 3),
        ({1: 0, 2: 0, 3: 0}, 3, 1),
        ({1: 0, 4: 0}, 2, 4),
    ],
)
def test_the_one_with_the_fewest_connections_is_next(
    connections: dict[int, int], after: int, chosen: int | None
) -> None:
    assert least_connections(connections, after) == chosen


def test_pauses_grow_up_to_a_minute() -> None:
    assert [restart_delay(failures) for failures in (0, 1, 2, 3, 4, 9, 500)] == [0, 0, 0.5, 1, 2, 60, 60]


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"G", None),
        (b"GET /", None),
        (b"GET / HTTP/1.1\r\n", True),
        (b"HEAD / HTTP/1.1\r\n", True),
        (b"HEAD /", None),
        (b"GET /metrics HTTP/1.1\r\n", False),
        (b"GET /score", False),
        (b"POST / HTTP/1.1\r\n", False),
        (b"\x16\x03\x01", False),
    ],
)
def test_a_health_probe_is_recognized_by_its_first_bytes(head: bytes, answer: bool | None) -> None:
    assert is_probe(head) is answer


@pytest.mark.parametrize(
    ("answers", "one"),
    [
        ([], {"refused": "no replica serves"}),
        ([{"init": True, "ms": 3.0}, {"init": True, "ms": 9.0}], {"init": True, "ms": 9.0}),
        ([{"init": True, "ms": 3.0}, {"error": {"type": "ValueError"}}], {"error": {"type": "ValueError"}}),
        ([{"refused": "busy"}, {"init": True, "ms": 3.0}], {"refused": "busy"}),
    ],
)
def test_one_answer_for_several(answers: list[dict[str, Any]], one: dict[str, Any]) -> None:
    assert joined_answer(answers) == one
