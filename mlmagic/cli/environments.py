"""``mlmagic environment``: registered environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, output, say, show

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.workspace import Workspace

_name = click.option("-n", "--name", required=True)
_version = click.option("-v", "--version", help="Default: the newest.")


@click.group(cls=Commands)
def environment() -> None:
    """Environments: what a script needs around it."""


@environment.command("list")
@output("table")
def list_environments(form: str) -> None:
    """List the newest version of each."""
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        found = Environment.list(_workspace(opened))
    if form == "json":
        show([one._record() | {"version": one.version} for one in found.values()])
    else:
        show([_row(one) for one in found.values()], form)


@environment.command("show")
@_name
@_version
@output()
def show_environment(name: str, version: str | None, form: str) -> None:
    """Show one."""
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        found = Environment.get(_workspace(opened), name, version)
    show(found._record(), form)


@environment.command("register")
@click.option("-d", "--directory", required=True, help="The folder that download or scaffold wrote.")
def register_environment(directory: str) -> None:
    """Register the environment that a folder holds."""
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        made = Environment.load_from_directory(directory).register(_workspace(opened))
    click.echo(f"{made.name}:{made.version}")


@environment.command("download")
@_name
@_version
@click.option("-d", "--directory", required=True)
@click.option("--overwrite", is_flag=True)
def download_environment(name: str, version: str | None, directory: str, overwrite: bool) -> None:
    """Write one to a folder."""
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        Environment.get(_workspace(opened), name, version).save_to_directory(directory, overwrite)
    click.echo(directory)


@environment.command("scaffold")
@_name
@click.option("-d", "--directory", required=True)
def scaffold_environment(name: str, directory: str) -> None:
    """Write a new one to a folder, to be edited and registered."""
    from mlmagic.sdk.environment import Environment

    Environment(name).save_to_directory(directory)
    say(f"edit the files in {directory}, then: mlmagic environment register -d {directory}")


def _workspace(opened: Engine) -> Workspace:
    from mlmagic.sdk.workspace import Workspace

    return Workspace.over(opened)


def _row(found: Any) -> dict[str, Any]:
    dependencies = found.python.conda_dependencies
    packages = [*dependencies.conda_packages, *dependencies.pip_packages] if dependencies else []
    return {"name": found.name, "version": found.version, "packages": ", ".join(packages)}
