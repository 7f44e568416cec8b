"""Where a request came from: the connection's other end, or what a trusted proxy says."""

from __future__ import annotations

import pytest

from mlmagic.scoring.http.peer import Origin, Peer, origin_of

THROUGH = {
    b"host": b"inside:5001",
    b"x-forwarded-for": b"9.9.9.9, 203.0.113.7",
    b"x-forwarded-proto": b"https",
    b"x-forwarded-host": b"score.example",
}
SEEN = Origin("203.0.113.7", 0, "https", "score.example")


@pytest.mark.parametrize(
    ("address", "trusted", "is_trusted"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("10.1.2.3", None, False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "192.168.0.1, 10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "*", True),
        ("127.0.0.1", "", False),
        ("10.1.2.3", "nonsense,10.0.0.0/99", False),
        ("", "127.0.0.1", False),
    ],
)
def test_only_trusted_proxies_are_believed(address: str, trusted: str | None, is_trusted: bool) -> None:
    seen = origin_of(Peer(address, 5000), THROUGH, trusted)
    assert seen == (SEEN if is_trusted else Origin(address, 5000, "http", "inside:5001"))


def test_a_trusted_proxy_need_not_say_anything() -> None:
    assert origin_of(Peer("127.0.0.1", 7, is_secure=True), {b"host": b"h"}) == Origin(
        "127.0.0.1", 7, "https", "h"
    )


def test_the_variable_is_that_of_other_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    assert origin_of(Peer("10.0.0.1", 1), THROUGH) == SEEN
    assert origin_of(Peer("127.0.0.1", 1), THROUGH).address == "127.0.0.1"
