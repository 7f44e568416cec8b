"""The configurations of compute targets: a new cluster, an existing cluster, a target for batch jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlmagic.core.arguments import CERTIFICATE
from mlmagic.errors import InvalidConfig, InvalidConfigs
from mlmagic.sdk.exceptions import ComputeTargetException, raises

DEFAULT_AGENTS, DEFAULT_VM_SIZE = 3, "Standard_D3_v2"
LEAST_PRODUCTION_CPUS = 12
PURPOSES = ("FastProd", "DenseProd", "DevTest")
_SIZES = {
    1: "D1_v2",
    2: "D2_v2 D2_v3 DS2_v2 F2s_v2 A2_v2 B2s",
    4: "D3_v2 D4_v3 DS3_v2 F4s_v2 A4_v2 B4ms",
    6: "NC6",
    8: "D4_v2 D8_v3 DS4_v2 F8s_v2",
    12: "NC12",
    16: "D5_v2 D16_v3 DS5_v2 F16s_v2",
    24: "NC24",
}
VIRTUAL_CPUS: Mapping[str, int] = {
    f"standard_{name}".lower(): cores for cores, names in _SIZES.items() for name in names.split()
}
"""CPU cores of the machine types that Azure ML v1's documentation names; other types are not checked."""
_SSL = ("ssl_cname", *CERTIFICATE)
SSL_SETTINGS = (*_SSL, "leaf_domain_label", "overwrite_existing_domain")
"""The arguments of `AksConfiguration.enable_ssl`."""
_NETWORK = (
    *("vnet_resourcegroup_name", "vnet_name", "subnet_name"),
    *("service_cidr", "dns_service_ip", "docker_bridge_cidr"),
)
"""As those of `_SSL`, arguments that are given together or not at all."""


@raises(ComputeTargetException)
class ComputeConfiguration(ABC):
    """The arguments that were given, as attributes. Raises with all wrong values together."""

    target: ClassVar[str]

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            setattr(self, name, value)
        self.validate_configuration()

    def validate_configuration(self) -> None:
        """Raises `ComputeTargetException` with each argument, value and rule that do not fit."""
        violations = list(self._violations())
        if violations:
            raise InvalidConfigs(self.target, violations)

    @abstractmethod
    def _violations(self) -> Iterator[InvalidConfig]:
        """Each value that is not allowed, with its rule."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{type(self).__name__}({shown})"


@raises(ComputeTargetException)
class AksConfiguration(ComputeConfiguration):
    """The configuration of an AKS cluster: what a new one and an existing one share."""

    target = "AksCompute"
    ssl_cname: str | None = None
    ssl_cert_pem_file: str | None = None
    ssl_key_pem_file: str | None = None
    leaf_domain_label: str | None = None
    overwrite_existing_domain: bool = False

    def enable_ssl(
        self,
        ssl_cname: str | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        leaf_domain_label: str | None = None,
        overwrite_existing_domain: bool = False,
    ) -> None:
        """Serve HTTPS: services on the cluster show this certificate.

        Give a certificate with its key and its host name. Or give ``leaf_domain_label``, the first part of a
        host name for which Azure issues a certificate; it is recorded and has no effect here. Raises
        `ComputeTargetException` for values that do not fit.
        """
        wanted = {
            "ssl_cname": ssl_cname,
            "ssl_cert_pem_file": ssl_cert_pem_file,
            "ssl_key_pem_file": ssl_key_pem_file,
            "leaf_domain_label": leaf_domain_label,
            "overwrite_existing_domain": overwrite_existing_domain or None,  # as if it was not given
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        if not given.keys() & {*_SSL, "leaf_domain_label"}:
            raise InvalidConfig(
                "ssl_cname", None, "is missing", hint=f"Give {', '.join(_SSL)}, or leaf_domain_label."
            )
        others = {name: value for name, value in self.given.items() if name not in wanted}
        type(self)({**others, **given})  # all of it, or nothing
        self.given = {**others, **given}
        for name, value in wanted.items():
            setattr(self, name, value)

    def _violations(self) -> Iterator[InvalidConfig]:
        given = self.given
        purpose = given.get("cluster_purpose", PURPOSES[0])
        if purpose not in PURPOSES:
            yield InvalidConfig("cluster_purpose", purpose, f"must be one of {', '.join(PURPOSES)}")
        yield from _incomplete(given, _SSL)
        if "leaf_domain_label" in given and (there := next((name for name in _SSL if name in given), None)):
            yield InvalidConfig(there, given[there], "excludes leaf_domain_label")
        for name in CERTIFICATE:
            if name in given and not _is_file(given[name]):
                yield InvalidConfig(name, given[name], "names a file that is not there")


class ProvisioningConfiguration(AksConfiguration):
    """The configuration of a new AKS cluster."""

    def _violations(self) -> Iterator[InvalidConfig]:
        given = self.given
        agents, size = given.get("agent_count", DEFAULT_AGENTS), given.get("vm_size", DEFAULT_VM_SIZE)
        if not isinstance(agents, int) or agents <= 0:
            yield InvalidConfig("agent_count", agents, "must be a whole number above 0")
        elif given.get("cluster_purpose") != "DevTest":
            cores = VIRTUAL_CPUS.get(str(size).lower())
            if cores is not None and agents * cores < LEAST_PRODUCTION_CPUS:
                yield InvalidConfig(
                    "agent_count",
                    agents,
                    f"times the {cores} vCPUs of {size} must be at least "
                    f"{LEAST_PRODUCTION_CPUS} for production",
                    hint=f"Use {-(-LEAST_PRODUCTION_CPUS // cores)} agents, or cluster_purpose DevTest.",
                )
        yield from _incomplete(given, _NETWORK)
        yield from super()._violations()


class AttachConfiguration(AksConfiguration):
    """The existing AKS cluster to attach."""

    def _violations(self) -> Iterator[InvalidConfig]:
        names = ("resource_group", "cluster_name")
        if "resource_id" in self.given:
            for name in names:
                if name in self.given:
                    yield InvalidConfig(name, self.given[name], "excludes resource_id")
        elif missing := [name for name in names if name not in self.given]:
            hint = "Give resource_group and cluster_name, or resource_id."
            yield InvalidConfig(missing[0], None, "is missing", hint=hint)
        yield from super()._violations()


class SslConfiguration(ComputeConfiguration):
    """The certificate that the services on a cluster show from now on, or that they show none.

    ``status`` is Enabled (a certificate, its key and its host name), Disabled or Auto (a
    ``leaf_domain_label``, recorded without effect). Without it, it follows from what is given. ``cert`` and
    ``key`` are names of PEM files. Raises `ComputeTargetException` for values that do not fit.
    """

    target = "SslConfiguration"
    _NEEDED: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Enabled": ("cname", "cert", "key"),
        "Auto": ("leaf_domain_label",),
        "Disabled": (),
    }

    def __init__(
        self,
        status: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        cname: str | None = None,
        leaf_domain_label: str | None = None,
        overwrite_existing_domain: bool = False,
    ) -> None:
        if status is None:
            status = "Auto" if leaf_domain_label is not None else "Enabled"
        given = {"cert": cert, "key": key, "cname": cname, "leaf_domain_label": leaf_domain_label}
        super().__init__(
            {"status": self._spelled(status), **given, "overwrite_existing_domain": overwrite_existing_domain}
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `AksConfiguration.enable_ssl`; empty if services are to use HTTP."""
        names = {"cert": CERTIFICATE[0], "key": CERTIFICATE[1], "cname": "ssl_cname"}
        needed = self._NEEDED[self.given["status"]]
        return {names.get(name, name): self.given[name] for name in needed}

    @classmethod
    def _spelled(cls, status: str) -> str:
        """``status`` as Azure ML v1 writes it: its documents have "disable" and "enable", too."""
        return next(
            (each for each in cls._NEEDED if str(status).lower() in (each.lower(), each.lower()[:-1])), status
        )

    def _violations(self) -> Iterator[InvalidConfig]:
        given = self.given
        if (status := given["status"]) not in self._NEEDED:
            yield InvalidConfig("status", status, f"must be one of {', '.join(self._NEEDED)}")
            return
        others = {name for names in self._NEEDED.values() for name in names} - {*self._NEEDED[status]}
        for name in self._NEEDED[status]:
            if name not in given:
                yield InvalidConfig(name, None, f"is missing, and status {status} needs it")
            elif name in ("cert", "key") and not _is_file(given[name]):
                is_text = "-----BEGIN" in given[name]
                yield InvalidConfig(
                    name,
                    "-----BEGIN ..." if is_text else given[name],
                    "must be the name of a PEM file that is there",
                    hint="Write the text to a file, readable by you alone, and give its name."
                    if is_text
                    else "",
                )
        for name in sorted(others & given.keys()):
            yield InvalidConfig(name, given[name], f"excludes status {status}")


@raises(ComputeTargetException)
class AksUpdateConfiguration:
    """What `AksCompute.update` changes. Raises `ComputeTargetException` if it is no `SslConfiguration`."""

    def __init__(self, ssl_configuration: SslConfiguration | None = None) -> None:
        if ssl_configuration is not None and not isinstance(ssl_configuration, SslConfiguration):
            raise InvalidConfig("ssl_configuration", ssl_configuration, "must be an SslConfiguration")
        self.ssl_configuration = ssl_configuration


class ClusterConfiguration(ComputeConfiguration):
    """The configuration of an AmlCompute; it is recorded, and its jobs run on this machine."""

    target = "AmlCompute"

    def _violations(self) -> Iterator[InvalidConfig]:
        least, most = self.given.get("min_nodes", 0), self.given.get("max_nodes", 1)
        if not isinstance(least, int) or least < 0:
            yield InvalidConfig("min_nodes", least, "must be a whole number, 0 or more")
        elif not isinstance(most, int) or most < max(1, least):
            yield InvalidConfig("max_nodes", most, f"must be a whole number, {max(1, least)} or more")


class InstanceConfiguration(ClusterConfiguration):
    """The configuration of a ComputeInstance; it is recorded, and the instance is this machine."""

    target = "ComputeInstance"


def _is_file(name: str) -> bool:
    return "\n" not in name and Path(name).expanduser().is_file()


def _incomplete(given: Mapping[str, Any], group: Sequence[str]) -> Iterator[InvalidConfig]:
    """The violation where some arguments of a group are given, and not all of them."""
    missing = [name for name in group if name not in given]
    if 0 < len(missing) < len(group):
        there = next(name for name in group if name in given)
        yield InvalidConfig(there, given[there], f"needs {', '.join(missing)} too")
