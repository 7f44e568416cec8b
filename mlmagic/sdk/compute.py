"""`ComputeTarget` and `AksCompute`: places that the workspace knows by name, as in the first SDK.

Here an AksCompute is a Kubernetes cluster that is there already: attaching one notes its name, and the
context under which this machine reaches it. Clusters are not created.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mlmagic.core.names import check_compute_name
from mlmagic.errors import InvalidConfig, InvalidConfigs, TargetUnavailable
from mlmagic.sdk.exceptions import ComputeTargetException, raises

if TYPE_CHECKING:
    from mlmagic.sdk.workspace import Workspace

KIND = "compute target"
ComputeTargets = list["ComputeTarget"]
"""It has a name because `ComputeTarget.list` hides the built-in one in its class."""
DEFAULT_AGENTS, DEFAULT_VM_SIZE = 3, "Standard_D3_v2"
LEAST_PRODUCTION_CPUS = 12
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
"""Cores of the machines that the documents name; of others nothing is known, and nothing is checked."""


@raises(ComputeTargetException)
class ProvisioningConfiguration:
    """What a new cluster would be like; checked when made, all violations together."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            setattr(self, name, value)
        self.validate_configuration()

    def validate_configuration(self) -> None:
        """Raises `ComputeTargetException` with each argument, value and rule that do not fit."""
        found = list(_provisioning_violations(self._given))
        if found:
            raise InvalidConfigs("AksCompute", found)


@raises(ComputeTargetException)
class AttachConfiguration:
    """Which cluster is meant."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = {name: value for name, value in given.items() if value is not None}
        violations = []
        if "resource_id" in self.given:
            violations += [
                InvalidConfig(name, self.given[name], "excludes resource_id")
                for name in ("resource_group", "cluster_name")
                if name in self.given
            ]
        elif not ("resource_group" in self.given and "cluster_name" in self.given):
            missing = [name for name in ("resource_group", "cluster_name") if name not in self.given]
            violations.append(
                InvalidConfig(
                    missing[0], None, "is missing", hint="resource_group and cluster_name, or resource_id."
                )
            )
        if violations:
            raise InvalidConfigs("AksCompute", violations)


@raises(ComputeTargetException)
class ComputeTarget:
    """A place by its name.

    ``ComputeTarget(workspace, name)`` raises `ComputeTargetException` if there is none: notebooks wait for
    that.
    """

    compute_type: ClassVar[str] = ""

    def __new__(cls, workspace: Workspace, name: str, **more: Any) -> ComputeTarget:
        asset = workspace.engine.assets.get(KIND, name)
        return object.__new__(_CLASSES.get(asset.record["type"], ComputeTarget))

    def __init__(self, workspace: Workspace, name: str, **more: Any) -> None:
        self.workspace, self.name = workspace, name
        self._record = workspace.engine.assets.get(KIND, name).record

    @staticmethod
    def create(workspace: Workspace, name: str, provisioning_configuration: Any) -> ComputeTarget:
        """An AmlCompute is noted: its jobs run on this machine. Raises for others: none is made here."""
        check_compute_name(name)
        provisioning_configuration.validate_configuration()
        if isinstance(provisioning_configuration, ClusterConfiguration):
            record = {"type": AmlCompute.compute_type, **provisioning_configuration.given}
            workspace.engine.assets.keep(KIND, name, record, only_once=True)
            return ComputeTarget(workspace, name)
        raise TargetUnavailable(
            "kubernetes",
            f"{name!r} would be a new cluster, and mlmagic creates none",
            fix="Attach one that is there: AksCompute.attach_configuration(...), ComputeTarget.attach(...).",
        )

    @staticmethod
    def attach(workspace: Workspace, name: str, attach_configuration: AttachConfiguration) -> ComputeTarget:
        """Note a cluster under ``name``; raises for a name that is taken."""
        check_compute_name(name)
        record = {"type": AksCompute.compute_type, **attach_configuration.given}
        workspace.engine.assets.keep(KIND, name, record, only_once=True)
        return ComputeTarget(workspace, name)

    @staticmethod
    def list(workspace: Workspace) -> ComputeTargets:
        """All of the workspace."""
        return [ComputeTarget(workspace, asset.name) for asset in workspace.engine.assets.list(KIND)]

    @property
    def type(self) -> str:
        """The kind of place: AKS."""
        return self.compute_type

    @property
    def provisioning_state(self) -> str:
        """Succeeded: what is attached is there already."""
        return "Succeeded"

    provisioning_errors = None

    def wait_for_completion(
        self,
        show_output: bool = False,
        timeout_in_minutes: float | None = None,
        min_node_count: int | None = None,
    ) -> None:
        """Nothing to wait for."""
        if show_output:
            print("Succeeded")

    def refresh_state(self) -> None:
        """Nothing to do."""

    def detach(self) -> None:
        """Forget it; the cluster stays what it is."""
        self.workspace.engine.assets.delete(KIND, self.name)

    delete = detach

    def serialize(self) -> dict[str, Any]:
        """As a dict of JSON."""
        return {"name": self.name, "computeType": self.compute_type, "properties": dict(self._record)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, state={self.provisioning_state!r})"


@raises(ComputeTargetException)
class AksCompute(ComputeTarget):
    """A Kubernetes cluster."""

    compute_type = "AKS"

    class ClusterPurpose:
        """Production asks for enough machines; a cluster for development has no such rule."""

        FAST_PROD = "FastProd"
        DENSE_PROD = "DenseProd"
        DEV_TEST = "DevTest"

    class LoadBalancerType:
        """Who reaches it."""

        PUBLIC_IP = "PublicIp"
        INTERNAL_LOAD_BALANCER = "InternalLoadBalancer"

    @staticmethod
    def provisioning_configuration(
        agent_count: int | None = None,
        vm_size: str | None = None,
        ssl_cname: str | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        location: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        service_cidr: str | None = None,
        dns_service_ip: str | None = None,
        docker_bridge_cidr: str | None = None,
        cluster_purpose: str | None = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> ProvisioningConfiguration:
        """Three machines of Standard_D3_v2, for production, where nothing else is said."""
        return ProvisioningConfiguration(locals())

    @staticmethod
    def attach_configuration(
        resource_group: str | None = None,
        cluster_name: str | None = None,
        resource_id: str | None = None,
        cluster_purpose: str | None = None,
        load_balancer_type: str | None = None,
        load_balancer_subnet: str | None = None,
    ) -> AttachConfiguration:
        """``cluster_name`` is the context of the kubeconfig here; ``resource_group`` is noted."""
        return AttachConfiguration(locals())


class ClusterConfiguration:
    """What a cluster for batch jobs would be like; it is noted, and stands for this machine."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = {name: value for name, value in given.items() if value is not None}
        self.validate_configuration()

    def validate_configuration(self) -> None:
        """Raises `InvalidConfigs` with each argument, value and rule that do not fit."""
        least, most = self.given.get("min_nodes", 0), self.given.get("max_nodes", 1)
        violations = []
        if not isinstance(least, int) or least < 0:
            violations.append(InvalidConfig("min_nodes", least, "must be a whole number from 0 on"))
        elif not isinstance(most, int) or most < max(1, least):
            violations.append(
                InvalidConfig("max_nodes", most, f"must be a whole number from {max(1, least)} on")
            )
        if violations:
            raise InvalidConfigs("AmlCompute", violations)


@raises(ComputeTargetException)
class AmlCompute(ComputeTarget):
    """A cluster for batch jobs. Here it is a name for this machine: a job's processes run on it."""

    compute_type = "AmlCompute"

    @staticmethod
    def provisioning_configuration(
        vm_size: str | None = None,
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int = 1,
        idle_seconds_before_scaledown: int | None = None,
        **more: Any,
    ) -> ClusterConfiguration:
        """Noted, and not looked at any more."""
        return ClusterConfiguration(
            {"vm_size": vm_size, "vm_priority": vm_priority, "min_nodes": min_nodes, "max_nodes": max_nodes}
        )

    def get_status(self) -> AmlCompute:
        """Itself: its state does not change."""
        return self


_CLASSES: dict[str, type[ComputeTarget]] = {each.compute_type: each for each in (AksCompute, AmlCompute)}


def _provisioning_violations(given: Mapping[str, Any]) -> Iterator[InvalidConfig]:
    agents, size = given.get("agent_count", DEFAULT_AGENTS), given.get("vm_size", DEFAULT_VM_SIZE)
    purpose = given.get("cluster_purpose", AksCompute.ClusterPurpose.FAST_PROD)
    purposes = ("FastProd", "DenseProd", "DevTest")
    if purpose not in purposes:
        yield InvalidConfig("cluster_purpose", purpose, f"must be one of {', '.join(purposes)}")
    if not isinstance(agents, int) or agents <= 0:
        yield InvalidConfig("agent_count", agents, "must be a whole number above 0")
    elif purpose != AksCompute.ClusterPurpose.DEV_TEST:
        cores = VIRTUAL_CPUS.get(str(size).lower())
        if cores is not None and agents * cores < LEAST_PRODUCTION_CPUS:
            yield InvalidConfig(
                "agent_count",
                agents,
                f"times the {cores} vCPUs of {size} must be at least {LEAST_PRODUCTION_CPUS} for production",
                hint=f"Take {-(-LEAST_PRODUCTION_CPUS // cores)} agents, or cluster_purpose DevTest.",
            )
    for group in (
        ("ssl_cname", "ssl_cert_pem_file", "ssl_key_pem_file"),
        (
            *("vnet_resourcegroup_name", "vnet_name", "subnet_name"),
            *("service_cidr", "dns_service_ip", "docker_bridge_cidr"),
        ),
    ):
        missing = [name for name in group if name not in given]
        if 0 < len(missing) < len(group):
            there = next(name for name in group if name in given)
            yield InvalidConfig(there, given[there], f"needs {', '.join(missing)} too")
