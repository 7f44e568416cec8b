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
from mlmagic.cli.alerts import alert
from mlmagic.cli.base import Commands
from mlmagic.cli.batch import batch
from mlmagic.cli.collected_data import add_labels, collected_data
from mlmagic.cli.computetargets import computetarget
from mlmagic.cli.configs import config
from mlmagic.cli.drift import drift
from mlmagic.cli.endpoints import endpoint
from mlmagic.cli.environments import environment
from mlmagic.cli.events import events, follow, unfollow
from mlmagic.cli.keys import regenerate_key, service_access_token, service_keys
from mlmagic.cli.model_deployment import deploy_model
from mlmagic.cli.models import model
from mlmagic.cli.output import echo
from mlmagic.cli.packages import package, package_model
from mlmagic.cli.pipelines import pipeline
from mlmagic.cli.profiles import profile, profile_model
from mlmagic.cli.prometheus import prometheus
from mlmagic.cli.revisions import (
    list_revisions,
    pause_update,
    resume_update,
    rollback_service,
    scale_service,
)
from mlmagic.cli.service_metrics import service_metrics
from mlmagic.cli.services import service
from mlmagic.cli.workspaces import workspace


def main() -> None:
    """The entry point of the ``mlmagic`` command."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    cli(prog_name="mlmagic")


_SETTINGS = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}


@click.group("mlmagic", cls=Commands, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="mlmagic")
def cli() -> None:
    """Register models and deploy them as live web services.

    \b
    Examples:
      mlmagic demo
      mlmagic model register -n iris -p iris.onnx
      mlmagic model deploy -n iris-svc -m iris
    """


_GROUPS = (
    *(model, service, endpoint, environment, computetarget, config, profile, package, batch, events),
    *(alert, drift, pipeline, prometheus, workspace),
)
for _group in _GROUPS:
    cli.add_command(_group)
model.add_command(deploy_model)
model.add_command(profile_model)
model.add_command(package_model)
for _command in (
    *(service_metrics, scale_service, rollback_service, list_revisions, pause_update, resume_update),
    *(service_keys, regenerate_key, service_access_token),
    *(follow, unfollow),
    *(collected_data, add_labels),
):
    service.add_command(_command)


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
    """
    from mlmagic.scoring.__main__ import main as serve_script

    sys.exit(serve_script(list(arguments)))


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
