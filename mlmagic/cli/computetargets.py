"""``mlmagic computetarget``: the attached compute targets of the workspace."""

from __future__ import annotations

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.completion import complete_clusters
from mlmagic.cli.output import done, output, result, say, show
from mlmagic.cli.records import deleted

_name = option(*("-n", "--name"), required=True, shell_complete=complete_clusters, help="The compute target.")


@click.group(cls=Commands)
def computetarget() -> None:
    """Attached compute targets."""


@computetarget.command("list")
@output("table")
def list_targets(form: str) -> None:
    """List the attached compute targets.

    \b
    Example:
      mlmagic computetarget list
    """
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        found = ComputeTarget.list(Workspace.over(opened))
        show([one.serialize() for one in found], form)


@computetarget.command("show")
@_name
@output()
def show_target(name: str, form: str) -> None:
    """Show a compute target as JSON.

    \b
    Example:
      mlmagic computetarget show -n cluster
    """
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        show(ComputeTarget(Workspace.over(opened), name).serialize(), form)


@computetarget.group("attach")
def attach() -> None:
    """Attach an existing compute target."""


@attach.command("aks")
@_name
@option("-i", "--compute-resource-id", "resource_id", metavar="ID", help="Azure resource id; it is recorded.")
@option("--cluster-name", metavar="NAME", help="The context in the local kubeconfig.")
@option("--cluster-resource-group", "group", metavar="NAME", help="Azure resource group; it is recorded.")
@option("--cluster-purpose", metavar="PURPOSE", help="FastProd, DenseProd or DevTest; it is recorded.")
def attach_aks(
    name: str,
    resource_id: str | None,
    cluster_name: str | None,
    group: str | None,
    cluster_purpose: str | None,
) -> None:
    """Attach a Kubernetes cluster, or the target that stands for aks here (MLMAGIC_COMPUTE).

    \b
    Example:
      mlmagic computetarget attach aks -n cluster --cluster-name my-context
    """
    from mlmagic.sdk.compute import AksCompute, ComputeTarget, keep_cluster
    from mlmagic.sdk.workspace import Workspace

    wanted = AksCompute.attach_configuration(group, cluster_name, resource_id, cluster_purpose)
    with engine() as opened:
        workspace = Workspace.over(opened)
        keep_cluster(workspace, name, wanted, say)
        result(name, ComputeTarget(workspace, name).serialize())


@computetarget.command("detach")
@_name
def detach_target(name: str) -> None:
    """Detach a compute target. The cluster itself is not changed.

    \b
    Example:
      mlmagic computetarget detach -n cluster
    """
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        ComputeTarget(Workspace.over(opened), name).detach()
    done(f"detached {name}", deleted("name", name))


computetarget.add_command(detach_target, "delete")


@computetarget.command("get-credentials", hidden=True)  # of az ml; says where they are
@_name
def get_credentials(name: str) -> None:
    """Say where the credentials of a cluster are.

    \b
    Example:
      mlmagic computetarget get-credentials -n cluster
    """
    from mlmagic.sdk.compute import AksCompute
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        AksCompute(Workspace.over(opened), name).get_credentials()
