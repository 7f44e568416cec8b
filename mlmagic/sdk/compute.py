"""`ComputeTarget` and its kinds: compute targets that are attached to a workspace by name.

An AksCompute is a Kubernetes cluster, or the compute target that stands for aks on this machine
(`mlmagic.core.compute_mapping`). A new cluster is one of kind, k3d or minikube on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from mlmagic.core.arguments import CERTIFICATE, ComputeType
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.names import check_compute_name
from mlmagic.core.notify import Notify
from mlmagic.engine import local_clusters
from mlmagic.engine.services.local_resources import check_usable
from mlmagic.errors import Front, MLMagicError, UsageError
from mlmagic.sdk.compute_configuration import (
    SSL_SETTINGS,
    AksConfiguration,
    AksUpdateConfiguration,
    AttachConfiguration,
    ClusterConfiguration,
    InstanceConfiguration,
    ProvisioningConfiguration,
)
from mlmagic.sdk.exceptions import ComputeTargetException, raises
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.workspace_base import WorkspaceBase

KIND = "compute target"
LABEL_IS_UNUSED = "leaf_domain_label is not used: only Azure issues its certificate. Services use HTTP."
ComputeTargets = list["ComputeTarget"]
"""A name for it, because `ComputeTarget.list` hides the built-in one in its class."""
ProvisioningErrors = list[dict[str, Any]]


@raises(ComputeTargetException)
class ComputeTarget:
    """A compute target, found by its name.

    ``ComputeTarget(workspace, name)`` raises `ComputeTargetException` if there is none of that name.
    """

    compute_type: ClassVar[str] = ""

    def __new__(cls, workspace: WorkspaceBase, name: str, **more: Any) -> ComputeTarget:
        asset = workspace.engine.assets.get(KIND, name)
        return object.__new__(_CLASSES.get(asset.record["type"], ComputeTarget))

    def __init__(self, workspace: WorkspaceBase, name: str, **more: Any) -> None:
        self.workspace, self.name = workspace, name
        self._record = workspace.engine.assets.get(KIND, name).record

    @staticmethod
    def create(workspace: WorkspaceBase, name: str, provisioning_configuration: Any) -> ComputeTarget:
        """Record a compute target: a name for this machine, or for the target that stands for aks here.

        Without a setting of `MLMagic.compute` for aks, an AksCompute is a new cluster on this machine. kind,
        k3d or minikube creates it, whichever is installed, which takes minutes. Raises if none is.
        """
        check_compute_name(name)
        provisioning_configuration.validate_configuration()
        if isinstance(provisioning_configuration, ClusterConfiguration):
            record = {"type": provisioning_configuration.target, **provisioning_configuration.given}
            workspace.engine.assets.keep(KIND, name, record, only_once=True)
            return ComputeTarget(workspace, name)
        made: Mapping[str, str] = {}
        if workspace.engine.targets.placement(ComputeType.AKS) is None:
            _check_free(workspace, name)
            tool, context = local_clusters.create(name, show_line)
            made = {"created_by": tool, "cluster_name": context}
        return keep_cluster(workspace, name, provisioning_configuration, made=made)

    @staticmethod
    def attach(
        workspace: WorkspaceBase, name: str, attach_configuration: AttachConfiguration
    ) -> ComputeTarget:
        """Attach a cluster as ``name``. Raises if it cannot be reached, or if the name is taken."""
        return keep_cluster(workspace, name, attach_configuration)

    @staticmethod
    def list(workspace: WorkspaceBase) -> ComputeTargets:
        """The compute targets of the workspace."""
        return [ComputeTarget(workspace, asset.name) for asset in workspace.engine.assets.list(KIND)]

    @property
    def type(self) -> str:
        """AKS or AmlCompute."""
        return self.compute_type

    @property
    def provisioning_state(self) -> str:
        """Succeeded if services can run on it now, else Failed."""
        return "Failed" if self.provisioning_errors else "Succeeded"

    @property
    def provisioning_errors(self) -> ProvisioningErrors | None:
        """Why services cannot run on it now; None if they can."""
        return None

    def wait_for_completion(
        self,
        show_output: bool = False,
        timeout_in_minutes: float | None = None,
        min_node_count: int | None = None,
    ) -> None:
        """Does nothing but raise if services cannot run on it: clusters exist already."""
        errors = self.provisioning_errors
        if show_output:
            print("Failed" if errors else "Succeeded")
        if errors:
            raise ComputeTargetException(errors[0]["error"]["message"])

    def refresh_state(self) -> None:
        """Does nothing: the state is read whenever it is used."""

    def detach(self) -> None:
        """Detach it from the workspace; the cluster itself is not changed."""
        self.workspace.engine.assets.delete(KIND, self.name)

    delete = detach

    def serialize(self) -> dict[str, Any]:
        """The compute target as a dict of JSON values."""
        return {
            "name": self.name,
            "computeType": self.compute_type,
            "provisioningState": self.provisioning_state,
            "properties": dict(self._record),
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


@raises(ComputeTargetException)
class AksCompute(ComputeTarget):
    """A Kubernetes cluster."""

    compute_type = "AKS"

    @property
    def provisioning_errors(self) -> ProvisioningErrors | None:
        """Why services cannot run on it now; None if they can."""
        try:
            usable_target(self.workspace, self.target)
        except MLMagicError as error:
            error.write_for(Front.SDK)
            return [{"error": {"code": error.kind_of_error, "message": str(error)}}]
        return None

    @property
    def target(self) -> str:
        """The target of its services: the context of kubectl that has the name of the attached cluster."""
        return target_of(self._record)

    @property
    def certificate(self) -> dict[str, Any]:
        """The files of the certificate that its services show, by argument; empty without one."""
        return {name: self._record[name] for name in CERTIFICATE if name in self._record}

    def update(self, update_configuration: AksUpdateConfiguration) -> None:
        """Let the services on the cluster show another certificate, or none.

        Services that run on it are updated, and serve with the former certificate until their new revision
        answers. Raises `ComputeTargetException`.
        """
        ssl = update_configuration.ssl_configuration
        if ssl is None:
            raise UsageError("AksUpdateConfiguration changes nothing", hint="Give an SslConfiguration.")
        engine = self.workspace.engine
        given = _with_absolute_paths(ssl.settings)
        kept = {name: value for name, value in self._record.items() if name not in SSL_SETTINGS}
        self._record = engine.assets.keep(KIND, self.name, {**kept, **given}).record
        if "leaf_domain_label" in given:
            show_line(LABEL_IS_UNUSED)
        changes = {name: given.get(name) for name in CERTIFICATE}
        versions = engine.endpoints.owned_services()  # the certificate is their endpoint's
        for service in engine.services.list():
            if service.name in versions:
                continue
            config = engine.services.revision(service).config
            if config.compute_settings.get("compute_target_name") == self.name and any(
                getattr(config, name) != value for name, value in changes.items()
            ):
                engine.services.update(service.name, config_changes=changes, notify=show_line)
                show_line(
                    f"{service.name} is updated: it will use {'HTTPS' if any(changes.values()) else 'HTTP'}."
                )

    def delete(self) -> None:
        """Detach it from the workspace, and delete a cluster that `create` has created."""
        if tool := self._record.get("created_by"):
            local_clusters.delete(str(tool), self.name)
        self.detach()

    def get_credentials(self) -> dict[str, Any]:
        """Raises: the credentials of a cluster are those of the local kubeconfig."""
        raise UsageError(
            f"{self.name!r} has no credentials of its own", hint="Those of kubectl are in its kubeconfig."
        )

    class ClusterPurpose:
        """What a cluster is for: production needs at least 12 CPU cores, development (DevTest) any number."""

        FAST_PROD = "FastProd"
        DENSE_PROD = "DenseProd"
        DEV_TEST = "DevTest"

    class LoadBalancerType:
        """Whether the load balancer has a public or an internal address."""

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
        """The configuration of a new cluster: by default three machines of Standard_D3_v2 for production."""
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
        """The cluster to attach: ``cluster_name`` is a kubeconfig context, ``resource_group`` is unused."""
        return AttachConfiguration(locals())


@raises(ComputeTargetException)
class AmlCompute(ComputeTarget):
    """A compute target for batch jobs: a name for this machine, where their processes run."""

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
        """The configuration of an AmlCompute; its values are recorded and have no effect."""
        return ClusterConfiguration(
            {"vm_size": vm_size, "vm_priority": vm_priority, "min_nodes": min_nodes, "max_nodes": max_nodes}
        )

    def get_status(self) -> AmlCompute:
        """Returns itself: the state never changes."""
        return self


@raises(ComputeTargetException)
class ComputeInstance(ComputeTarget):
    """A compute target for scripts: a name for this machine."""

    compute_type = "ComputeInstance"
    state = "Running"

    @staticmethod
    def provisioning_configuration(vm_size: str = "", **more: Any) -> InstanceConfiguration:
        """The configuration of a ComputeInstance; its values are recorded and have no effect."""
        return InstanceConfiguration({"vm_size": vm_size})

    def get_status(self) -> ComputeInstance:
        """Returns itself; its ``state`` is always Running."""
        return self

    def start(self, wait_for_completion: bool = False, show_output: bool = False) -> None:
        """Does nothing: this machine is running."""

    stop = restart = start


_CLASSES: dict[str, type[ComputeTarget]] = {
    each.compute_type: each for each in (AksCompute, AmlCompute, ComputeInstance)
}


def usable_target(workspace: WorkspaceBase, target: str) -> str:
    """The name of the target that runs aks services here: ``target``, unless another one stands for aks.

    Raises `TargetUnavailable` if it cannot now.
    """
    found = workspace.engine.targets.placement(ComputeType.AKS)
    config = DeploymentConfig(found.target if found else target, compute_type=ComputeType.AKS.value)
    check_usable(config, workspace.engine.targets)
    return config.target


def target_of(record: Mapping[str, Any]) -> str:
    """The target of a cluster, from what it was attached with."""
    name = record.get("cluster_name") or str(record.get("resource_id", "")).rpartition("/")[2]
    return f"{ComputeType.AKS.target}:{name}" if name else ComputeType.AKS.target


def _check_free(workspace: WorkspaceBase, name: str) -> None:
    """Raises `UsageError` if a compute target has this name, before a cluster is created for nothing."""
    if any(asset.name == name for asset in workspace.engine.assets.list(KIND)):
        raise UsageError(
            f"compute target {name!r} exists already", hint="Choose another name, or delete it first."
        )


def keep_cluster(
    workspace: WorkspaceBase,
    name: str,
    configuration: AksConfiguration,
    notify: Notify = show_line,
    *,
    made: Mapping[str, str] | None = None,
) -> ComputeTarget:
    """Record a cluster that can be reached, and say what of its configuration has no effect.

    ``made`` is what is recorded of a cluster that was just created.
    """
    check_compute_name(name)
    configuration.validate_configuration()
    target = usable_target(workspace, target_of({**configuration.given, **(made or {})}))
    given = {**_with_absolute_paths(configuration.given), **(made or {})}
    record = {"type": AksCompute.compute_type, **given}
    workspace.engine.assets.keep(KIND, name, record, only_once=True)
    if found := workspace.engine.targets.placement(ComputeType.AKS):
        unused = [each for each in given if each not in CERTIFICATE]
        effect = f" No effect here: {', '.join(unused)}." if unused else ""
        notify(f"{name} stands for the target {target}, as {found.setting} says.{effect}")
    elif made:
        unused = [each for each in configuration.given if each not in CERTIFICATE]
        effect = f" No effect here: {', '.join(unused)}." if unused else ""
        notify(f"{name} is the cluster of context {made['cluster_name']}.{effect}")
    if "leaf_domain_label" in given:
        notify(LABEL_IS_UNUSED)
    return ComputeTarget(workspace, name)


def _with_absolute_paths(given: Mapping[str, Any]) -> dict[str, Any]:
    """``given``, with certificate files that are found from every working folder."""
    files = {name: os.path.abspath(os.path.expanduser(given[name])) for name in CERTIFICATE if name in given}
    return {**given, **files}
