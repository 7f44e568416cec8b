"""The command line: the same verbs as the magics, in a shell.

    mlmagic model|service|endpoint|environment|computetarget|config|profile ...   as the old ``az ml``
    mlmagic serve|demo|workspace|completion

Data goes to standard output, as ``-o json``, ``table`` or ``tsv``; words and progress to standard error. Exit
codes: 0, 1 for an error of the request or the service, 2 for a line that cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from mlmagic._version import __version__
from mlmagic.cli.base import Commands
from mlmagic.cli.computetargets import computetarget
from mlmagic.cli.configs import config
from mlmagic.cli.endpoints import endpoint
from mlmagic.cli.environments import environment
from mlmagic.cli.events import events, follow, unfollow
from mlmagic.cli.models import model
from mlmagic.cli.packages import package, package_model
from mlmagic.cli.profiles import profile, profile_model
from mlmagic.cli.services import service


def main() -> None:
    """The entry point of the ``mlmagic`` command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    cli(prog_name="mlmagic")


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="mlmagic")
def cli() -> None:
    """Models and live web services: the same as the magics, in a shell."""


for _group in (model, service, endpoint, environment, computetarget, config, profile, package, events):
    cli.add_command(_group)
model.add_command(profile_model)
model.add_command(package_model)
for _command in (follow, unfollow):
    service.add_command(_command)


@cli.command()
@click.option("--keep", is_flag=True, help="Leave the two services running.")
def demo(keep: bool) -> None:
    """Register, deploy and score two real models, with the time of each step."""
    from mlmagic.demo import run_demo

    run_demo(click.echo, keep=keep)


@cli.command(cls=click.Command, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: Sequence[str]) -> None:
    """Serve an entry script by hand, without a workspace (serve --help lists the options)."""
    from mlmagic.scoring.__main__ import main as serve_script

    sys.exit(serve_script(list(arguments)))


@cli.command()
def workspace() -> None:
    """Show which workspace is in use, and where it lies."""
    from sqlalchemy import make_url

    from mlmagic.cli.base import location
    from mlmagic.workspace import postgresql, remote_files

    place = location()
    database = postgresql.shown(make_url(place.database_url))
    click.echo(f"{place.name}\n  folder    {place.folder}\n  database  {database}")
    if place.files_url:
        click.echo(f"  files     {remote_files.shown(place.files_url)}")
    click.echo(f"  found by  {place.found_by}")


@cli.command(cls=click.Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, services and models: eval "$(mlmagic completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "mlmagic", "_MLMAGIC_COMPLETE").source())
