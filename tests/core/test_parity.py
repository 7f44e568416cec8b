"""Where two answers part."""

from __future__ import annotations

import pytest

from mlmagic.core.parity import Answer, compare, package_differences


@pytest.mark.parametrize(
    ("here", "there", "parted"),
    [
        ("[1, 2.0]", "[1, 2.0000000001]", []),
        ("[1, 2.0]", "[1, 2.1]", ["row 0 [1]: value 2.0 / 2.1"]),
        ("1", "1.0", ["row 0: type int / float"]),
        ("true", "1", ["row 0: type bool / int"]),
        ("null", "0", ["row 0: type null / int"]),
        ("[1]", "[1, 2]", ["row 0: length 1 / 2"]),
        ('{"a": {"b": "x"}}', '{"a": {"b": "y"}}', ["row 0 .a.b: value x / y"]),
        ('{"a": 1}', '{"b": 1}', ['row 0: keys ["a"] / ["b"]']),
        ("plain", "plain", []),
        ("plain", "other", ["row 0: value plain / other"]),
        ("[NaN]", "[NaN]", []),
    ],
)
def test_answers(here: str, there: str, parted: list[str]) -> None:
    found = compare(0, Answer(200, here, 1), Answer(200, there, 1))
    assert [str(one) for one in found] == parted


def test_statuses_count_and_refusals_alike_are_the_same() -> None:
    (found,) = compare(3, Answer(200, "1", 1), Answer(500, "no", 1))
    assert str(found) == "row 3: status 200 (1) / 500 (no)"
    assert compare(0, Answer(500, '{"a": 1}', 1), Answer(500, '{"a": 2}', 1)) == []


def test_packages_that_are_needed_and_differ() -> None:
    here, there = {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2"}
    assert package_differences(here, there, ["a", "b", "c"]) == (("b", "1", "2"), ("c", "1", "–"))
