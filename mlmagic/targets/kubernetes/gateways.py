"""The Gateways of a cluster: checked before a service names one, and looked up for what they report."""

from __future__ import annotations

import time
from contextlib import suppress

from mlmagic.core import advice
from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import Advice, InvalidConfig
from mlmagic.targets.kubernetes.api import GATEWAY_GROUP, Api, Object, Refused
from mlmagic.targets.kubernetes.connection import Address
from mlmagic.targets.kubernetes.gateway_routes import GATEWAY, parse

KNOWN_SECONDS = 10.0
"""Gateways seldom change: for so long they are not read again."""


def check(api: Api, namespace: str, config: DeploymentConfig) -> None:
    """Raises `InvalidConfig` for a Gateway that cannot send requests to a service in ``namespace``."""
    given = config.compute_settings.get("gateway")
    if given is not None and (wrong := ARGUMENTS["gateway"].violation(given)) is not None:
        raise wrong
    if not given:
        return
    if config.ssl_cert_pem_file:
        raise InvalidConfig(
            "gateway",
            given,
            "excludes a certificate: a Gateway calls services without TLS",
            hint="Leave the certificate out, and give one to a listener of the Gateway.",
        )
    if not api.gateway():
        raise InvalidConfig(
            "gateway",
            given,
            f"needs the Gateway API, and context {api.address.context!r} has no "
            f"CustomResourceDefinition httproutes.{GATEWAY_GROUP}",
            hint="Install it (https://gateway-api.sigs.k8s.io/guides/), or leave the gateway out.",
        )
    where, name = parse(given)
    with suppress(Refused):  # a user who may not read Gateways may still use one
        if api.get(GATEWAY, where or namespace, name) is None:
            raise _absent(given, where or namespace, _names(api, namespace))


def _absent(given: str, namespace: str, names: list[str]) -> InvalidConfig:
    hint: Advice | str = "Create a Gateway first, or leave it out."
    if names:
        hint = Advice(
            f"There is {', '.join(names)}. Choose one with: {{choose}}",
            choose=advice.argument("gateway", names[0]),
        )
    return InvalidConfig("gateway", given, f"is no Gateway in namespace {namespace!r}", hint=hint)


def _names(api: Api, namespace: str) -> list[str]:
    """The Gateways as ``NAMESPACE/NAME``, those in ``namespace`` first."""
    try:
        found = api.call("GET", f"apis/{GATEWAY_GROUP}/{api.gateway()}/gateways")["items"]
    except Refused:  # this user may list those of the namespace only
        found = api.list(GATEWAY, namespace)
    places = [(str(each["metadata"]["namespace"]), str(each["metadata"]["name"])) for each in found]
    return [f"{where}/{name}" for where, name in sorted(places, key=lambda it: (it[0] != namespace, it))]


class Gateways:
    """The Gateways that services name, as they were a moment ago."""

    def __init__(self) -> None:
        self._known: dict[tuple[Address, str, str], tuple[float, Object | None]] = {}

    def get(self, api: Api, namespace: str, gateway: str) -> Object | None:
        """The Gateway ``[NAMESPACE/]NAME`` of a service in ``namespace``; None if there is none.

        Raises `Refused` for a user who may not read it.
        """
        where, name = parse(gateway)
        key = api.address, where or namespace, name
        known = self._known.get(key)
        if known is None or time.monotonic() - known[0] > KNOWN_SECONDS:
            known = self._known[key] = time.monotonic(), api.get(GATEWAY, where or namespace, name)
        return known[1]
