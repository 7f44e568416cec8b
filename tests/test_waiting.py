"""`wait_for` returns what it waited for, and fails with what it saw last."""

from __future__ import annotations

import pytest

from tests.support.waiting import wait_for


def test_it_returns_the_first_true_value() -> None:
    values = iter([0, "", None, "found", "later"])
    assert wait_for(lambda: next(values)) == "found"


def test_it_fails_with_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match=r"waited 0 s for: the end; last seen: \[\]"):
        wait_for(list, "the end", timeout=0)
    with pytest.raises(AssertionError, match="waited 0 s for: the log"):
        wait_for(list, lambda: "the log", timeout=0)


def test_a_failed_assertion_means_not_yet() -> None:
    seen: list[int] = []

    def condition() -> bool:
        seen.append(1)
        assert len(seen) == 3, "too few"
        return True

    assert wait_for(condition)

    def never() -> bool:
        raise AssertionError("too few")

    with pytest.raises(AssertionError, match=r"last seen: AssertionError\('too few'\)"):
        wait_for(never, timeout=0)


def test_other_exceptions_are_raised_at_once_unless_they_are_ignored() -> None:
    def broken() -> bool:
        raise KeyError("x")

    with pytest.raises(KeyError):
        wait_for(broken)
    with pytest.raises(AssertionError, match=r"last seen: KeyError\('x'\)"):
        wait_for(broken, timeout=0, ignoring=(KeyError,))
