from __future__ import annotations

import pytest

from mlmagic.core.renewal import Renewal, newest_of


@pytest.mark.parametrize(
    ("served", "newest", "then"),
    [
        ((), {"a": 3}, ()),
        (("a:1", "b:2"), {"a": 3, "b": 2}, ("a:3", "b:2")),
        (("a:4",), {"a": 3}, ("a:4",)),  # the newest was deleted
        (("a:4",), {}, ("a:4",)),
        (("a:1", "a:2"), {"a": 3}, ("a:1", "a:2")),
    ],
)
def test_the_newest_versions(served: tuple[str, ...], newest: dict[str, int], then: tuple[str, ...]) -> None:
    assert newest_of(served, newest) == then


@pytest.mark.parametrize(
    ("renewal", "words"),
    [
        (Renewal((), ()), ()),
        (Renewal(("a:1",), ("a:1",)), ()),
        (Renewal(("a:1", "b:1"), ("a:2", "b:1")), ("a:1 becomes a:2",)),
        (Renewal((), (), "'wine' as captured"), ("the script becomes 'wine' as captured",)),
    ],
)
def test_what_would_change_is_said(renewal: Renewal, words: tuple[str, ...]) -> None:
    assert renewal.words == words
    assert bool(renewal) == bool(words)
