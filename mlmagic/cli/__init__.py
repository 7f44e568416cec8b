"""The command line: the operations of the magics, in a shell.

    mlmagic model|service|endpoint|environment|computetarget|config|profile ...   as in ``az ml`` v1
    mlmagic serve|demo|workspace|pipeline|prometheus|completion

Data goes to standard output, messages and progress to standard error: see `mlmagic.cli.output`. The exit
codes are those of `mlmagic.cli.failures`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from mlmagic._version import __version__
from mlmagic.cli.base import Commands
from mlmagic.cli.output import echo


def main() -> None:
    """The entry point of the ``mlmagic`` command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    cli(prog_name="mlmagic")


_SETTINGS = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}
_GROUPS = {
    "alert": "alerts:alert",
    "batch": "batch:batch",
    "computetarget": "computetargets:computetarget",
    "config": "configs:config",
    "drift": "drift:drift",
    "endpoint": "endpoints:endpoint",
    "environment": "environments:environment",
    "events": "events:events",
    "model": "models:model",
    "package": "packages:package",
    "pipeline": "pipelines:pipeline",
    "profile": "profiles:profile",
    "prometheus": "prometheus:prometheus",
    "service": "services:service",
    "workspace": "workspaces:workspace",
}


@click.group("mlmagic", cls=Commands, lazy_subcommands=_GROUPS, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="mlmagic")
def cli() -> None:
    """Register models and deploy them as live web services.

    \b
    Examples:
      mlmagic demo
      mlmagic model register -n iris -p iris.onnx
      mlmagic model deploy -n iris-svc -m iris
    """


@cli.command()
@click.option("--keep", is_flag=True, help="Leave the two services running.")
def demo(keep: bool) -> None:
    """Register, deploy and score two models, and print the time of each step.

    \b
    Examples:
      mlmagic demo
      mlmagic demo --keep
    """
    from mlmagic.demo import run_demo

    run_demo(echo, keep=keep)


@cli.command(cls=click.Command, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(arguments: Sequence[str]) -> None:
    """Serve an entry script without a workspace (serve --help lists the options).

    \b
    Example:
      mlmagic serve --entry-script score.py --port 5001
      mlmagic serve --entry-script score.py --model-dir models --compile
    """
    from mlmagic.cli.serving import serve_arguments

    sys.exit(serve_arguments(list(arguments)))


@cli.command(cls=click.Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script with which the shell completes commands, services and models.

    \b
    Example:
      eval "$(mlmagic completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "mlmagic", "_MLMAGIC_COMPLETE").source())
