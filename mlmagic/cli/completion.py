"""What the shell completes. It waits for this with each Tab, so nothing is imported that is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from mlmagic.errors import MLMagicError

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine


def complete_services(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of services, for completion."""
    return _complete(lambda open_engine: open_engine.services.names(), begun)


def complete_revisions(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Numbers of revisions of the service that the line names, for completion."""
    name = ctx.params.get("name") or ""
    return _complete(lambda opened: [str(each) for each in opened.services.revision_numbers(name)], begun)


def complete_models(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Ids of models, for completion."""
    return _complete(lambda open_engine: [model.id for model in open_engine.models.list()], begun)


def complete_environments(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of environments, for completion."""
    return _complete(lambda opened: [each.name for each in opened.environments.list()], begun)


def complete_packages(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of packages, for completion."""
    return _complete(lambda opened: [each.name for each in opened.packages.list()], begun)


def complete_profiles(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of profiles, for completion."""
    return _complete(lambda opened: [each.name for each in opened.profiles.list()], begun)


def complete_subscriptions(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of webhook subscriptions, for completion."""
    return _complete(lambda opened: [each.name for each in opened.events.subscriptions()], begun)


def complete_clusters(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of attached compute targets, for completion."""
    return _complete(_clusters, begun)


def complete_targets(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Compute targets of this machine and attached ones, for completion."""
    return _complete(lambda opened: [*opened.targets.names(), *_clusters(opened)], begun)


def _clusters(opened: Engine) -> list[str]:
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    return [each.name for each in ComputeTarget.list(Workspace.over(opened))]


def complete_workspaces(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """The user's own workspaces, for completion."""
    from mlmagic.workspace.location import names

    return [each for each in names() if each.startswith(begun)]


def _complete(names: Callable[[Engine], Iterable[str]], begun: str) -> list[str]:
    from mlmagic.cli.base import engine

    try:
        with engine() as opened:
            return [name for name in names(opened) if name.startswith(begun)]
    except MLMagicError:  # pressing Tab must not print an error
        return []
