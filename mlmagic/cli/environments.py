"""``mlmagic environment``: registered environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option, pairs
from mlmagic.cli.completion import complete_environments
from mlmagic.cli.deployment_options import nearest_option
from mlmagic.cli.output import done, output, result, say, show, write_metadata
from mlmagic.cli.records import deleted
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.environment import Environment
    from mlmagic.sdk.workspace import Workspace

_name = option(
    *("-n", "--name"), required=True, shell_complete=complete_environments, help="The environment."
)
_metadata = option(
    *("-t", "--output-metadata-file", "metadata"),
    metavar="FILE",
    help="Write the result to this file as JSON.",
)
_version = option("-v", "--version", help="Its version. Default: the newest.")


@click.group(cls=Commands)
def environment() -> None:
    """Environments: the packages, Python and variables of services."""


@environment.command("list")
@_metadata
@output("table")
def list_environments(metadata: str | None, form: str) -> None:
    """List the newest version of each environment.

    \b
    Examples:
      mlmagic environment list
      mlmagic environment list -o json
    """
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        found = Environment.list(_workspace(opened))
    write_metadata(metadata, [_record(one) for one in found.values()])
    if form in ("table", "tsv"):
        show([_row(one) for one in found.values()], form)
    else:
        show([_record(one) for one in found.values()], form)


@environment.command("show")
@_name
@_version
@_metadata
@output()
def show_environment(metadata: str | None, name: str, version: str | None, form: str) -> None:
    """Show an environment as JSON.

    \b
    Examples:
      mlmagic environment show -n mine
      mlmagic environment show -n mine -v 2
    """
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        found = Environment.get(_workspace(opened), name, version)
    write_metadata(metadata, _record(found))
    show(_record(found), form)


@environment.command("register")
@option("-d", "--directory", required=True, metavar="DIR", help="The folder that download or scaffold wrote.")
@_metadata
def register_environment(metadata: str | None, directory: str) -> None:
    """Register the environment in a folder.

    \b
    Example:
      mlmagic environment register -d mine
    """
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        made = Environment.load_from_directory(directory).register(_workspace(opened))
    write_metadata(metadata, _record(made))
    result(f"{made.name}:{made.version}", _record(made))


@environment.command("download")
@_name
@_version
@option("-d", "--directory", required=True, metavar="DIR", help="The folder.")
@option("--overwrite", is_flag=True, help="Overwrite existing files.")
@_metadata
def download_environment(
    metadata: str | None, name: str, version: str | None, directory: str, overwrite: bool
) -> None:
    """Write an environment to a folder.

    \b
    Example:
      mlmagic environment download -n mine -d mine
    """
    from mlmagic.sdk.environment import Environment

    with engine() as opened:
        found = Environment.get(_workspace(opened), name, version)
    found.save_to_directory(directory, overwrite)
    write_metadata(metadata, _record(found))
    result(directory, _record(found))


@environment.command("scaffold")
@_name
@option("-d", "--directory", required=True, metavar="DIR", help="The folder.")
@_metadata
def scaffold_environment(metadata: str | None, name: str, directory: str) -> None:
    """Write a new environment to a folder, to be edited and registered.

    \b
    Example:
      mlmagic environment scaffold -n mine -d mine
    """
    from mlmagic.sdk.environment import Environment

    made = Environment(name)
    made.save_to_directory(directory)
    write_metadata(metadata, _record(made))
    done(f"edit the files in {directory}, then: mlmagic environment register -d {directory}", _record(made))


@environment.command("create")
@_name
@option("--conda", metavar="FILE", help="A conda specification.")
@option("--pip", metavar="FILE", help="A requirements file of pip.")
@option("--packages", multiple=True, metavar="REQUIREMENT", help="A requirement of pip; may repeat.")
@option("--python-path", metavar="FILE", help="An interpreter, whose installed packages are pinned.")
@option("--dockerfile", metavar="FILE", help="A Dockerfile.")
@option("--image", metavar="NAME", help="A base image.")
@option("--python-version", metavar="X.Y", help="The Python version.")
@option("--env", "variables", multiple=True, metavar="KEY=VALUE", help="An environment variable; may repeat.")
def create_environment(
    name: str, python_version: str | None, variables: Sequence[str], **sources: Any
) -> None:
    """Register an environment from a file, a list of packages, an image or an interpreter.

    \b
    Examples:
      mlmagic environment create -n mine --pip requirements.txt
      mlmagic environment create -n other --packages scikit-learn==1.9.1 --packages pandas
      mlmagic environment create -n conda --conda environment.yml --python-version 3.11
    """
    from mlmagic.sdk.environment_sources import environment_of, python_of

    if not any(sources.values()):
        raise UsageError(
            f"environment {name!r} has no source",
            hint="Name one: --conda, --pip, --packages, --python-path, --dockerfile or --image.",
        )
    with engine() as opened:
        made = environment_of(name, sources, python_version, pairs("--env", variables))
        kept = opened.environments.register(name, made.to_record())
    say(f"Python: {python_of(kept.record)}")
    result(f"{kept.name}:{kept.version}", {**kept.record, "version": kept.version})


@environment.command("build")
@_name
@_version
@nearest_option
def build_environment(name: str, version: str | None, nearest: bool | None) -> None:
    """Build an environment on this machine, unless it exists. Prints its interpreter.

    \b
    Examples:
      mlmagic environment build -n mine
      mlmagic environment build -n mine --exact
    """
    with engine() as opened:
        record = opened.environments.get(name, version).record
        interpreter = opened.environments.build(record, nearest=nearest is not False, report=say)
    result(str(interpreter), {"name": name, "python": str(interpreter)})


@environment.command("diff")
@click.argument("old", metavar="NAME[:VERSION]")
@click.argument("new", metavar="NAME[:VERSION]")
@output("table")
def diff_environments(old: str, new: str, form: str) -> None:
    """Compare two environments.

    \b
    Example:
      mlmagic environment diff mine:1 mine:2
    """
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
    """Delete an environment with all its versions.

    \b
    Example:
      mlmagic environment delete -n mine
    """
    with engine() as opened:
        opened.environments.delete([name])
    done(f"deleted {name}", deleted("name", name))


@environment.command("clean")
@option("--days", type=float, default=30.0, show_default=True, help="Unused for this many days.")
def clean_environments(days: float) -> None:
    """Remove built environments that no service uses. They are built again when they are needed.

    \b
    Examples:
      mlmagic environment clean
      mlmagic environment clean --days 0
    """
    with engine() as opened:
        gone = opened.environments.evict(days)
    done(f"removed {len(gone)} environment{'' if len(gone) == 1 else 's'}", {"removed": len(gone)})


def _workspace(opened: Engine) -> Workspace:
    from mlmagic.sdk.workspace import Workspace

    return Workspace.over(opened)


def _record(found: Environment) -> dict[str, Any]:
    return {**found.to_record(), "version": found.version}


def _row(found: Any) -> dict[str, Any]:
    dependencies = found.python.conda_dependencies
    packages = [*dependencies.conda_packages, *dependencies.pip_packages] if dependencies else []
    return {"name": found.name, "version": found.version, "packages": ", ".join(packages)}
