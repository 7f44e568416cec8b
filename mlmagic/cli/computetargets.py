"""``mlmagic computetarget``: places that the workspace knows by name."""

from __future__ import annotations

import click

from mlmagic.cli.base import Commands, engine, output, say, show

_name = click.option("-n", "--name", required=True)


@click.group(cls=Commands)
def computetarget() -> None:
    """Compute targets."""


@computetarget.command("list")
@output("table")
def list_targets(form: str) -> None:
    """List what was attached."""
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        found = ComputeTarget.list(Workspace.over(opened))
        show([one.serialize() for one in found], form)


@computetarget.command("show")
@_name
@output()
def show_target(name: str, form: str) -> None:
    """Show one."""
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        show(ComputeTarget(Workspace.over(opened), name).serialize(), form)


@computetarget.group("attach")
def attach() -> None:
    """Note a place that is there already."""


@attach.command("aks")
@_name
@click.option("-i", "--compute-resource-id", "resource_id")
@click.option("--cluster-name", help="The context of the kubeconfig here.")
@click.option("--cluster-resource-group", "group")
@click.option("--cluster-purpose")
def attach_aks(
    name: str,
    resource_id: str | None,
    cluster_name: str | None,
    group: str | None,
    cluster_purpose: str | None,
) -> None:
    """Note a Kubernetes cluster."""
    from mlmagic.sdk.compute import AksCompute, ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    wanted = AksCompute.attach_configuration(group, cluster_name, resource_id, cluster_purpose)
    with engine() as opened:
        ComputeTarget.attach(Workspace.over(opened), name, wanted)
    click.echo(name)


@computetarget.command("detach")
@_name
def detach_target(name: str) -> None:
    """Forget one; the place stays what it is."""
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        ComputeTarget(Workspace.over(opened), name).detach()
    say(f"detached {name}")


computetarget.add_command(detach_target, "delete")
