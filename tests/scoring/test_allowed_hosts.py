"""Which hosts a server on this machine answers for."""

import pytest

from mlmagic.scoring.http.allowed_hosts import (
    _MEMORY,
    HUB,
    AllowedHosts,
    is_loopback,
    local_default,
    name_in,
    names_of,
)
from mlmagic.scoring.settings import InvalidSetting


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"LOCALHOST:5001",
        b"localhost.",
        b"my.service.localhost:80",
        b"127.0.0.1:5001",
        b"127.8.9.10",
        b"[::1]:5001",
    ],
)
def test_local_names_are_allowed(host):
    hosts = AllowedHosts.of("", "127.0.0.1")
    assert hosts is not None
    assert hosts.admits(host)
    assert hosts.admits(host)  # from memory


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"localhost.evil.example",
        b"evillocalhost",
        b"127.0.0.1.evil.example:5001",
        b"128.0.0.1",
        b"10.0.0.1",
        b"[::2]",
        b"0.0.0.0:5001",
        b"",
        b"\xff",
    ],
)
def test_others_are_not(host):
    hosts = AllowedHosts.of("", "127.0.0.1")
    assert hosts is not None
    assert not hosts.admits(host)


@pytest.mark.parametrize(
    ("given", "host", "allowed"),
    [
        ("ml.example", b"ml.example:8443", True),
        ("ML.example , other", b"ml.EXAMPLE", True),
        ("ml.example", b"a.ml.example", False),
        (".ml.example", b"a.b.ml.example", True),
        (".ml.example", b"evilml.example", False),
        ("*.ml.example", b"a.ml.example", True),
        ("10.0.0.1", b"10.0.0.1:80", True),
        ("[fd00::1]", b"[fd00::1]:80", True),
        ("fd00::1", b"[fd00::1]", True),
        ("*", b"anything", True),
        ("ml.example", b"localhost", True),
    ],
)
def test_given_hosts_are_allowed_too(given, host, allowed):
    hosts = AllowedHosts.of(given, "127.0.0.1")
    assert hosts is not None
    assert hosts.admits(host) is allowed


def test_behind_a_router_any_host_is_allowed_unless_hosts_are_given():
    assert AllowedHosts.of("", "0.0.0.0") is None
    assert AllowedHosts.of(" , ", "::") is None
    hosts = AllowedHosts.of("ml.example", "192.168.1.5")
    assert hosts is not None
    assert [hosts.admits(host) for host in (b"ml.example", b"192.168.1.5:5001", b"localhost", b"x")] == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["http://a.example", "a.example:80", "a/b", "a b", "a..b", "-*", "a,b?c"])
def test_what_is_no_host_is_refused(text):
    with pytest.raises(InvalidSetting, match="is not a host name"):
        names_of(text)


@pytest.mark.parametrize(
    ("host", "name"),
    [(b"A.Example.:80", "a.example"), (b"[::1]:80", "::1"), (b"[::1]", "::1"), (b"a", "a"), (b"", "")],
)
def test_the_name_in_a_host_header(host, name):
    assert name_in(host) == name


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_loopback_addresses(address, local):
    assert is_loopback(address) is local


def test_the_proxy_of_a_hub_may_name_any_host():
    assert local_default({HUB: "/user/somebody/"}) == "*"
    assert local_default({}) == "localhost"


def test_what_is_remembered_is_bounded():
    hosts = AllowedHosts(["*"])
    for number in range(_MEMORY + 10):
        assert hosts.admits(b"h%d" % number)
    assert len(hosts._admitted) <= _MEMORY
