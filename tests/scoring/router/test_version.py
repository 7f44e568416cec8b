"""What a version is sent: a request line, headers, a body."""

from __future__ import annotations

import asyncio

import pytest

from mlmagic.scoring.http.peer import Peer
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.router.routes import Route
from mlmagic.scoring.router.version import Version

pytestmark = pytest.mark.together


@pytest.fixture
def version(loop: asyncio.AbstractEventLoop) -> Version:
    return Version(Route("blue", "http://[::1]:5001", 100, credential="secret"), loop)


def sent(version: Version, *, target: bytes = b"/score", peer: Peer | None = None, **fields: bytes):
    """The first line, the headers and the body of a request."""
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    request = Request(b"POST", target, named, b"abc")
    request.peer = peer or Peer("192.0.2.7", 5000)
    head, _, body = version.request_bytes(request, b"id-1").partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return first, {name.lower(): value for name, value in headers.items()}, body


def test_a_plain_request(version: Version) -> None:
    first, headers, body = sent(version, host=b"a.example", content_type=b"text/csv", content_length=b"3")
    assert (first, body) == (b"POST /score HTTP/1.1", b"abc")
    assert headers == {
        b"host": b"[::1]:5001",
        b"authorization": b"Bearer secret",
        b"content-type": b"text/csv",
        b"content-length": b"3",
        b"x-request-id": b"id-1",
        b"x-forwarded-for": b"192.0.2.7",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-host": b"a.example",
    }


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (b"/score?a=1", b"/score?a=1"),
        (b"http://b.example/score", b"/score"),
        (b"http://b.example/score?a=1?b", b"/score?a=1?b"),
        (b"http://b.example", b"/"),
        (b"http://b.example?a=/1", b"/?a=/1"),
    ],
)
def test_a_target_becomes_a_path(version: Version, target: bytes, line: bytes) -> None:
    assert sent(version, target=target)[0] == b"POST %b HTTP/1.1" % line
    version.use(Route("blue", "http://[::1]:5001/default/blue", 100))
    assert sent(version, target=target)[0] == b"POST /default/blue%b HTTP/1.1" % line


@pytest.mark.parametrize(
    ("trusted", "sender", "scheme", "host"),
    [
        ("192.0.2.7", b"198.51.100.1", b"https", b"public.example"),
        ("192.0.2.0/24", b"198.51.100.1", b"https", b"public.example"),
        ("192.0.2.8", b"192.0.2.7", b"http", b"a.example"),
        ("", b"192.0.2.7", b"http", b"a.example"),
    ],
)
def test_only_a_trusted_proxy_says_who_has_sent_it(
    version: Version, monkeypatch: pytest.MonkeyPatch, trusted, sender, scheme, host
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    _, headers, _ = sent(
        version,
        host=b"a.example",
        x_forwarded_for=b"203.0.113.9, 198.51.100.1",
        x_forwarded_proto=b"https",
        x_forwarded_host=b"public.example",
    )
    assert headers[b"x-forwarded-for"] == sender
    assert headers[b"x-forwarded-proto"] == scheme
    assert headers[b"x-forwarded-host"] == host


def test_what_is_remembered_of_a_head_is_that_of_its_sender(version: Version) -> None:
    request = Request(b"POST", b"/score", {b"host": b"a"}, b"abc")
    request.head = b"the same head"
    for address, is_secure in (("192.0.2.7", False), ("192.0.2.8", False), ("192.0.2.8", True)):
        for port in (1, 2):
            request.peer = Peer(address, port, is_secure)
            data = version.request_bytes(request, b"1")
            assert b"X-Forwarded-For: %b\r\n" % address.encode() in data
            assert b"X-Forwarded-Proto: %b\r\n" % (b"https" if is_secure else b"http") in data
    version.use(Route("blue", "http://127.0.0.1:5002", 100, credential="other"))
    assert b"Bearer other\r\n" in version.request_bytes(request, b"1")


def test_what_is_remembered_is_bounded(version: Version) -> None:
    for number in range(1000):
        request = Request(b"POST", b"/score", {b"x-n": b"%d" % number})
        request.head = b"%d" % number
        assert b"x-n: %d\r\n" % number in version.request_bytes(request, b"1")
    assert len(version._known) <= 256
