"""``mlmagic environment``: registered environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, output, pairs, say, show
from mlmagic.errors import UsageError

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
        show([one.to_record() | {"version": one.version} for one in found.values()])
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
    show(found.to_record(), form)


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


@environment.command("create")
@_name
@click.option("--conda", metavar="FILE", help="A conda specification.")
@click.option("--pip", metavar="FILE", help="A file of pip's requirements.")
@click.option("--packages", multiple=True, metavar="REQUIREMENT", help="As pip writes it; may repeat.")
@click.option("--python-path", metavar="FILE", help="An interpreter; what is installed in it, pinned.")
@click.option("--dockerfile", metavar="FILE", help="A Dockerfile.")
@click.option("--image", metavar="NAME", help="A base image.")
@click.option("--python-version", metavar="X.Y", help="The Python it asks for.")
@click.option("--env", "variables", multiple=True, metavar="KEY=VALUE", help="A variable that it sets.")
def create_environment(
    name: str, python_version: str | None, variables: Sequence[str], **sources: Any
) -> None:
    """Register one from a file, a list of packages, an image or an interpreter."""
    from mlmagic.sdk.environment_sources import environment_of

    if not any(sources.values()):
        raise UsageError(
            f"environment {name!r} is made from nothing",
            hint="Name --conda, --pip, --packages or --python-path.",
        )
    with engine() as opened:
        made = environment_of(name, sources, python_version, pairs("--env", variables))
        kept = opened.environments.register(name, made.to_record())
    click.echo(f"{kept.name}:{kept.version}")


@environment.command("build")
@_name
@_version
@click.option("--python", "python", type=click.Choice(["nearest"]), help="Take the nearest that is here.")
def build_environment(name: str, version: str | None, python: str | None) -> None:
    """Make one on this machine, unless it is there; prints its interpreter."""
    with engine() as opened:
        record = opened.environments.get(name, version).record
        click.echo(opened.environments.build(record, nearest_python=python is not None, report=say))


@environment.command("diff")
@click.argument("old", metavar="NAME[:VERSION]")
@click.argument("new", metavar="NAME[:VERSION]")
@output("table")
def diff_environments(old: str, new: str, form: str) -> None:
    """Show what changed from one to the other."""
    with engine() as opened:
        changes = opened.environments.compare(old, new)
    show(
        [
            {"what": c.what, "name": c.name, "change": c.kind, "before": c.before, "after": c.after}
            for c in changes
        ],
        form,
    )


@environment.command("delete")
@_name
def delete_environment(name: str) -> None:
    """Forget one, with all its versions."""
    with engine() as opened:
        opened.environments.delete([name])
    say(f"deleted {name}")


@environment.command("clean")
@click.option("--days", type=float, default=30.0, show_default=True, help="Unused for so long.")
def clean_environments(days: float) -> None:
    """Remove made environments that no service uses; they are made again when they are needed."""
    with engine() as opened:
        gone = opened.environments.evict(days)
    say(f"removed {len(gone)} environment{'' if len(gone) == 1 else 's'}")


def _workspace(opened: Engine) -> Workspace:
    from mlmagic.sdk.workspace import Workspace

    return Workspace.over(opened)


def _row(found: Any) -> dict[str, Any]:
    dependencies = found.python.conda_dependencies
    packages = [*dependencies.conda_packages, *dependencies.pip_packages] if dependencies else []
    return {"name": found.name, "version": found.version, "packages": ", ".join(packages)}
