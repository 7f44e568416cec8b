"""Shares are kept exactly, and a key keeps its version."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from mlmagic.scoring.http.peer import Peer
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.router.choice import Choice, Tickets, kept_version
from mlmagic.scoring.router.routes import Routes

KEYS = [f"user-{number}".encode() for number in range(20_000)]


def choice(sticky_by: str | None = None, default: str = "blue", **percents: float) -> Choice:
    versions = [{"name": name, "url": None, "percent": percent} for name, percent in percents.items()]
    record = {"default": default, "sticky_by": sticky_by, "versions": versions}
    return Choice(Routes.of_record(record), random.Random(1))


@pytest.mark.parametrize(
    "percents",
    [
        {"a": 100.0},
        {"a": 90.0, "b": 10.0},
        {"a": 33.3, "b": 66.7},
        {"a": 99.9, "b": 0.1},
        {"a": 100 / 3, "b": 100 / 3, "c": 100 / 3},
        {"a": 0.1, "b": 0.2, "c": 99.7},
        {"a": 50.0, "b": 50.0, "c": 0.0},
        dict.fromkeys("abcdef", 100 / 6),
    ],
    ids=str,
)
def test_shares_are_exact_to_one_in_a_thousand(percents: dict[str, float]) -> None:
    tickets = Tickets(percents, random.Random(7))
    draws = 100_000
    drawn = Counter(tickets.draw() for _ in range(draws))
    for name, percent in percents.items():
        assert drawn[name] == pytest.approx(percent * draws / 100, abs=len(percents))


def test_each_hundred_draws_has_whole_percents_exactly() -> None:
    tickets = Tickets({"a": 90, "b": 7, "c": 3}, random.Random(3))
    for _ in range(20):
        assert Counter(tickets.draw() for _ in range(100)) == {"a": 90, "b": 7, "c": 3}


def test_a_small_share_gets_one_of_few_requests_now_and_then() -> None:
    """A router that is restarted before the thousandth request must not leave it out."""
    first = [Tickets({"a": 99.9, "b": 0.1}, random.Random(seed)) for seed in range(1000)]
    assert sum(tickets.draw() == "b" for tickets in first for _ in range(100)) == pytest.approx(100, abs=30)


def test_the_order_is_random() -> None:
    tickets = Tickets({"a": 50, "b": 50})
    assert len({"".join(tickets.draw() for _ in range(100)) for _ in range(5)}) == 5


def test_a_change_of_something_else_keeps_what_is_owed() -> None:
    chosen = choice(blue=90, green=10)
    versions = [{"name": "blue", "url": "http://a:1", "percent": 90}, {"name": "green", "percent": 10}]
    record = {"default": "blue", "versions": versions}
    assert chosen.serves(Routes.of_record(record))
    for change in ({"default": "green"}, {"sticky_by": "body"}, {"versions": versions[::-1]}):
        assert not chosen.serves(Routes.of_record({**record, **change}))


def test_without_any_share_the_default_version_gets_all() -> None:
    routes = Routes.of_record({"default": "a", "versions": [{"name": "a", "percent": 100}]})
    assert Choice(routes).version_of(Request(b"POST", b"/score", {})) == "a"


@pytest.mark.parametrize(
    ("sticky_by", "request_of"),
    [
        ("header:x-user-id", lambda key: Request(b"POST", b"/score", {b"x-user-id": key}, b"1")),
        ("body", lambda key: Request(b"POST", b"/score", {}, key)),
        ("body", lambda key: Request(b"POST", b"/score", {}, key * 100)),
        ("body", lambda key: Request(b"GET", b"/score?user=" + key, {})),
        ("client", lambda key: _from(key.decode())),
    ],
    ids=["header", "body", "long body", "query", "client"],
)
def test_a_key_keeps_its_version(sticky_by, request_of) -> None:
    chosen = choice(sticky_by, blue=70, green=30)
    first = {key: chosen.version_of(request_of(key)) for key in KEYS[:2000]}
    again = choice(sticky_by, blue=70, green=30)
    assert all(again.version_of(request_of(key)) == version for key, version in first.items())
    assert Counter(first.values())["green"] / len(first) == pytest.approx(0.3, abs=0.03)


def _from(address: str) -> Request:
    request = Request(b"POST", b"/score", {})
    request.peer = Peer(address)
    return request


def test_the_address_of_a_client_behind_a_trusted_proxy_counts() -> None:
    chosen = choice("client", blue=50, green=50)
    requests = [Request(b"POST", b"/score", {b"x-forwarded-for": key}) for key in KEYS[:100]]
    for each in requests:
        each.peer = Peer("127.0.0.1")
    assert [chosen.version_of(each) for each in requests] == [
        chosen.version_of(_from(key.decode())) for key in KEYS[:100]
    ]


def test_a_request_without_the_header_goes_by_the_shares() -> None:
    chosen = choice("header:x-user-id", blue=75, green=25)
    plain = Request(b"POST", b"/score", {})
    assert Counter(chosen.version_of(plain) for _ in range(100)) == {"blue": 75, "green": 25}


def moved(before: dict[str, float], after: dict[str, float]) -> Counter[tuple[str, str]]:
    """How many in a thousand keys go from one version to another."""
    moves = Counter((kept_version(key, before), kept_version(key, after)) for key in KEYS)
    return Counter({move: 1000 * count // len(KEYS) for move, count in moves.items() if len({*move}) > 1})


@pytest.mark.parametrize(
    ("before", "after", "ways", "share"),
    [
        ({"a": 100, "b": 0}, {"a": 90, "b": 10}, {("a", "b")}, 100),
        ({"a": 90, "b": 10}, {"a": 50, "b": 50}, {("a", "b")}, 400),
        ({"a": 50, "b": 50}, {"a": 80, "b": 20}, {("b", "a")}, 300),
        ({"a": 50, "b": 50}, {"a": 45, "b": 45, "c": 10}, {("a", "c"), ("b", "c")}, 100),
        ({"a": 45, "b": 45, "c": 10}, {"a": 50, "b": 50}, {("c", "a"), ("c", "b")}, 100),
        ({"a": 99.9, "b": 0.1}, {"a": 99.9, "b": 0.1}, set(), 0),
    ],
)
def test_when_shares_change_only_as_many_keys_move_as_have_to(before, after, ways, share) -> None:
    moves = moved(before, after)
    assert set(moves) == ways
    assert moves.total() == pytest.approx(share, abs=12)


def test_among_three_versions_a_key_only_moves_to_one_that_has_grown() -> None:
    before, after = {"a": 50.0, "b": 30.0, "c": 20.0}, {"a": 40.0, "b": 40.0, "c": 20.0}
    for one, other in moved(before, after):
        assert after[other] / before[other] > after[one] / before[one]
    assert moved(before, after).total() < 150


def test_keys_keep_to_the_shares() -> None:
    percents = {"a": 60.0, "b": 30.0, "c": 9.9, "d": 0.1}
    counts = Counter(kept_version(key, percents) for key in KEYS)
    for name, percent in percents.items():
        assert 100 * counts[name] / len(KEYS) == pytest.approx(percent, abs=1)


def test_a_version_without_a_share_keeps_no_key() -> None:
    for one, other in itertools.permutations(("a", "b")):
        assert {kept_version(key, {one: 100.0, other: 0.0}) for key in KEYS[:200]} == {one}
