"""The addresses that webhooks may not reach."""

from __future__ import annotations

import pytest

from mlmagic.core.addresses import VARIABLE, is_forbidden
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("169.253.255.255", False),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("fd00:ec2::254", True),
        ("fd00:ec2::253", False),
        ("fd20:ce::254", True),
        ("100.100.100.200", True),
        ("168.63.129.16", True),
        ("192.0.0.192", True),
        ("::ffff:169.254.169.254", True),
        ("2002:a9fe:a9fe::", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("::ffff:10.0.0.1", False),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("93.184.216.34", False),
    ],
)
def test_what_webhooks_may_not_reach(address: str, forbidden: bool) -> None:
    assert is_forbidden(address, "") is forbidden


@pytest.mark.parametrize(
    ("allowed", "forbidden"),
    [("169.254.169.254", False), ("10.0.0.0/8, 169.254.0.0/16", False), ("169.254.1.1/32", True)],
)
def test_networks_can_be_allowed(allowed: str, forbidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_forbidden("169.254.169.254", allowed) is forbidden
    monkeypatch.setenv(VARIABLE, allowed)
    assert is_forbidden("169.254.169.254") is forbidden


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=f"{VARIABLE} 'all' is not a list of networks"):
        is_forbidden("10.0.0.1", "all")
