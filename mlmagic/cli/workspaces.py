"""``mlmagic workspace``: the current workspace, and the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, location, option
from mlmagic.cli.completion import WORKSPACE, complete_workspaces
from mlmagic.cli.output import output, result, show

if TYPE_CHECKING:
    from mlmagic.workspace.location import Location


class _Workspace(Commands):
    """A group that shows the workspace where it gets no command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next(iter(args), "-")
        wants_help = first in ctx.help_option_names
        return super().parse_args(ctx, args if wants_help or first[:1] != "-" else ["show", *args])


@click.group(cls=_Workspace)
def workspace() -> None:
    """The current workspace and its location, and the user's own workspaces.

    \b
    Examples:
      mlmagic workspace
      mlmagic workspace -w team
      mlmagic workspace create -n team
    """


@workspace.command("show")
@output("table")
def show_workspace(form: str) -> None:
    """Show the current workspace and its location.

    \b
    Examples:
      mlmagic workspace show
      mlmagic workspace show -w team -o json
    """
    show(_record(location()), form)


@workspace.command("list")
@output("table")
def list_workspaces(form: str) -> None:
    """List the workspace of the current folder, and those that this user has opened on this machine.

    \b
    Example:
      mlmagic workspace list
    """
    from mlmagic.workspace.known_workspaces import known

    show([_record(each) for each in known()], form)


@workspace.command("create")
@option("-n", "--name", metavar="NAME", shell_complete=complete_workspaces, help="Its name; -w NAME, too.")
@option("--exist-ok", is_flag=True, help="Do nothing if it exists.")
def create_workspace(name: str | None, exist_ok: bool) -> None:
    """Create a workspace for this user. Use it with -w NAME, or MLMAGIC_WORKSPACE.

    \b
    Examples:
      mlmagic workspace create -n team
      mlmagic model list -w team
    """
    from contextlib import closing

    from mlmagic.errors import AlreadyExists, UsageError
    from mlmagic.sdk.workspace import Workspace

    name = name or click.get_current_context().meta.get(WORKSPACE)
    if name is None:
        raise UsageError("no workspace is named", hint="Name it: -n NAME.")
    try:
        made = Workspace.create(name, exist_ok=exist_ok)
    except AlreadyExists as error:
        error.hint = f"Use it with: -w {name}. To do nothing where it exists: --exist-ok"
        raise
    with closing(made.engine):
        result(name, _record(made.engine.location))


def _record(place: Location) -> dict[str, Any]:
    from sqlalchemy import make_url

    from mlmagic.workspace import postgresql, remote_files

    record = {
        "name": place.name,
        "folder": str(place.folder),
        "database": postgresql.shown(make_url(place.database_url)),
        "files": remote_files.shown(place.files_url) if place.files_url else None,
        "foundBy": place.found_by or None,
    }
    return {key: value for key, value in record.items() if value is not None}
