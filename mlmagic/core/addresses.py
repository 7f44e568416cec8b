"""The addresses that webhooks may not reach: link-local ones, and those of clouds' metadata services.

A cloud's metadata service gives the credentials of the machine to whoever reaches it from there. The
variable MLMAGIC_WEBHOOK_NETWORKS allows some of these addresses after all. It belongs to the process that
delivers, and not to the subscription: whoever may subscribe could allow himself everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mlmagic.errors import InvalidConfig

VARIABLE = "MLMAGIC_WEBHOOK_NETWORKS"
_FORBIDDEN = [
    ip_network(each)
    for each in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, Oracle, DigitalOcean, OpenStack
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's agent
        "192.0.0.192/32",  # Oracle
    )
]
_NAT64 = ip_network("64:ff9b::/96")


def is_forbidden(address: str, allowed: str | None = None) -> bool:
    """Whether a webhook may not reach an IP address.

    ``allowed`` is a list of networks, separated by commas, that it may reach; None: that of the variable.
    Raises `InvalidConfig` for something else in the list.
    """
    given = networks(os.environ.get(VARIABLE, "") if allowed is None else allowed)
    found = list(_meant(ip_address(address.partition("%")[0])))
    return any(each in network for each in found for network in _FORBIDDEN) and not any(
        each in network for each in found for network in given
    )


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """The networks in a list that is separated by commas. Raises `InvalidConfig`."""
    try:
        return [ip_network(each, strict=False) for each in map(str.strip, text.split(",")) if each]
    except ValueError as error:
        raise InvalidConfig(
            VARIABLE, text, f"is not a list of networks: {error}", hint="For example 169.254.0.0/16."
        ) from None


def _meant(address: IPv4Address | IPv6Address) -> Iterable[IPv4Address | IPv6Address]:
    """The address, and the IPv4 address that it stands for."""
    yield address
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            yield inner
