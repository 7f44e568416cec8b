"""When two answers are the same, and what is kept of those that are not."""

from __future__ import annotations

import pytest

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.router.shadows import COMPARED_BYTES, KEPT, Comparison, are_same, same_answers


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.0001, False),
        (0.0, 1e-13, True),
        (0.0, 1e-5, False),
        (1e300, 1e300 * (1 + 1e-9), True),
        (10**30, 10**30 + 1, True),
        (True, True, True),
        (True, 1, False),
        (False, 0, False),
        (None, None, True),
        (None, 0, False),
        ("1", 1, False),
        ("a", "a", True),
        ([1, 2], [1, 2.0000000001], True),
        ([1, 2], [1], False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": 1}, [1], False),
        ([], {}, False),
    ],
)
def test_values_are_the_same_but_for_the_last_digits(one, other, same) -> None:
    assert are_same(one, other) is same
    assert are_same(other, one) is same


LONG = b"1" * (COMPARED_BYTES + 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Response(200, b"[1.0]"), Response(200, b"[1.0000000001]"), True),
        (Response(200, b'{"a":1,"b":2}'), Response(200, b'{"b": 2, "a": 1}'), True),
        (Response(200, b"[1]"), Response(400, b"[1]"), False),
        (Response(200, b"\xff"), Response(200, b"\xff"), True),
        (Response(200, b"\xff"), Response(200, b"\xfe"), False),
        (Response(200, b"["), Response(200, b"[ "), False),
        (Response(200, LONG), Response(200, LONG), True),
        (Response(200, b"[1," + LONG + b"]"), Response(200, b"[1, " + LONG + b"]"), False),
    ],
)
def test_answers_are_the_same_if_their_values_are(one, other, same) -> None:
    assert same_answers(one, other) is same


@pytest.mark.parametrize(
    ("answer", "shadow", "counted"),
    [
        (Response(200, b"1"), Response(200, b"1"), "same"),
        (Response(200, b"1"), Response(200, b"2"), "different"),
        (Response(200, b"1"), Response(400, b"1"), "different"),
        (Response(200, b"1"), Response(500, b"1"), "failed"),
        (Response(200, b"1"), Response(503, b"1"), "failed"),
        (Response(500, b"1"), Response(500, b"1"), "same"),
        (Response(500, b"1"), Response(503, b"1"), "different"),
        (Response(500, b"1"), Response(200, b"1"), "different"),
    ],
)
def test_what_an_answer_of_a_shadow_counts_as(answer, shadow, counted) -> None:
    comparison = Comparison()
    request, same = Request(b"POST", b"/score", {}, b"1"), same_answers(answer, shadow)
    comparison.add(request, "blue", answer, shadow, same=same)
    assert {name for name, count in comparison.counts().items() if count} == {counted}


def test_the_last_differences_are_kept_cut() -> None:
    comparison = Comparison()
    for number in range(KEPT + 5):
        request = Request(b"POST", b"/score", {}, b"%d" % number)
        other = Response(200, "ö".encode() * 5000)
        comparison.add(request, "blue", Response(200, b"1"), other, same=False)
    assert [each["request"] for each in comparison.differences] == [str(5 + number) for number in range(KEPT)]
    last = comparison.differences[-1]
    assert (last["version"], last["status"], last["answer"], last["shadow_status"]) == ("blue", 200, "1", 200)
    assert last["shadow_answer"] == "ö" * 1000
