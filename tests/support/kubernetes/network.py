"""The network of the tests' cluster: a bridge with the nodes' addresses, one for each node's pods."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

ADDRESSES = {1: "10.99.0.1", 2: "10.99.0.2"}
"""The address of each node; the API server has the first, too."""
SERVICES = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
"""The address of the API server inside the cluster."""
PODS = "10.244.0.0/16"
_BRIDGE = "mlmk8s"
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_RULES = (
    ("filter", "FORWARD", "-s", PODS, "-j", "ACCEPT"),
    ("filter", "FORWARD", "-d", PODS, "-j", "ACCEPT"),
    ("nat", "POSTROUTING", "-s", PODS, "!", "-d", PODS, "-j", "MASQUERADE"),
)


def bridge_of(node: int) -> str:
    """The name of the bridge of a node's pods."""
    return f"{_BRIDGE}{node}"


@contextmanager
def network() -> Iterator[None]:
    """Bridges and rules, removed afterwards. What a killed run has left is replaced."""
    _remove()
    for number in ADDRESSES:
        _run("ip", "link", "add", bridge_of(number), "type", "bridge")
        _run("ip", "address", "add", f"10.244.{number}.1/24", "dev", bridge_of(number))
        _run("ip", "link", "set", bridge_of(number), "up")
    _run("ip", "link", "add", _BRIDGE, "type", "bridge")
    _run("ip", "link", "set", _BRIDGE, "up")
    for address in ADDRESSES.values():
        _run("ip", "address", "add", f"{address}/32", "dev", _BRIDGE)
    _run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")
    for table, chain, *rule in _RULES:
        _run("iptables", "--wait", "-t", table, "-I", chain, *rule)
    try:
        yield
    finally:
        _remove()


def _remove() -> None:
    for name in (_BRIDGE, *map(bridge_of, ADDRESSES)):
        _run("ip", "link", "delete", name, check=False)
    for table, chain, *rule in _RULES:
        _run("iptables", "--wait", "-t", table, "-D", chain, *rule, check=False)


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, env={**os.environ, "PATH": SBIN}, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
