"""What the shell completes. It waits for this at each Tab, so nothing is imported that is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from mlmagic.errors import MLMagicError

WORKSPACE, FOLDER = "mlmagic.workspace", "mlmagic.folder"
"""Where a command keeps the workspace that its line names."""
Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _listed(what: str, *values: str) -> Completer:
    def complete(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
        return _beginning(begun, _names(ctx, what, *values))

    return complete


complete_services = _listed("services")
complete_models = _listed("models")
complete_packages = _listed("assets", "package")
complete_profiles = _listed("assets", "profile")
complete_batch_jobs = _listed("assets", "batch-job")
complete_clusters = _listed("assets", "compute target")
complete_subscriptions = _listed("subscriptions")
complete_alert_rules = _listed("alert rules")


def complete_revisions(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Numbers of revisions of the service that the line names."""
    return _beginning(begun, _names(ctx, "revisions", ctx.params.get("name") or ""))


def complete_environments(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Environments of the workspace, and the curated ones."""
    from mlmagic.core.curated import CURATED

    return _beginning(begun, {*_names(ctx, "assets", "environment"), *CURATED})


def complete_targets(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Compute targets of this machine, and attached ones."""
    from mlmagic.targets import registry

    return _beginning(begun, {*registry.names(), *_names(ctx, "assets", "compute target")})


def complete_workspaces(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """The user's own workspaces."""
    from mlmagic.workspace.location import names

    return _beginning(begun, names())


def _names(ctx: click.Context, what: str, *values: str) -> list[str]:
    from mlmagic.workspace.listed_names import listed_names
    from mlmagic.workspace.location import existing, locate

    try:
        named = ctx.meta.get(WORKSPACE)
        return listed_names(existing(named) if named else locate(start=ctx.meta.get(FOLDER)), what, *values)
    except MLMagicError:  # pressing Tab must not print an error
        return []


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return sorted(each for each in names if each.startswith(begun))
