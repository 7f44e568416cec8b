"""``mlmagic config``: inferenceconfig.json and deploymentconfig.json."""

from __future__ import annotations

from pathlib import Path

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.completion import complete_services
from mlmagic.cli.output import done, result, say, show


@click.group(cls=Commands)
def config() -> None:
    """Configuration files of services."""


@config.command("export")
@click.argument("service", shell_complete=complete_services)
@option("-d", "--directory", default=".", show_default=True, metavar="DIR", help="The folder.")
def export_service(service: str, directory: str) -> None:
    """Write both configuration files of a service and its source, and print a command that deploys it again.

    \b
    Example:
      mlmagic config export diabetes-svc -d exported
    """
    from mlmagic.sdk.configuration_files import export

    with engine() as opened:
        inference, deployment, source = export(opened, service, Path(directory))
        models = "".join(f" -m {each}" for each in opened.services.get(service).models)
    files = [str(path) for path in (inference, deployment, source)]
    result("\n".join(files), files)
    say(f"mlmagic model deploy -n NAME{models} --ic {inference} --dc {deployment}")


@config.command("schema")
@click.argument("file", type=click.Choice(["inferenceconfig", "deploymentconfig"]))
def print_schema(file: str) -> None:
    """Print the JSON Schema of a file, with which editors complete and check it.

    \b
    Example:
      mlmagic config schema deploymentconfig > deploymentconfig.schema.json
    """
    from mlmagic.core import deployment_file
    from mlmagic.sdk.configuration_files import inference_schema

    show(deployment_file.schema() if file == "deploymentconfig" else inference_schema())


@config.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def check_file(file: str) -> None:
    """Check an inferenceconfig or a deploymentconfig, as JSON or YAML.

    \b
    Example:
      mlmagic config check deploymentconfig.json
    """
    from mlmagic.core.deployment_file import COMPUTE_TYPE
    from mlmagic.sdk.configuration_files import read_deployment, read_inference, read_object

    values = read_object(file)
    if isinstance(values, dict) and COMPUTE_TYPE in values:
        done(f"{file}: {read_deployment(file)}", {"file": file, "valid": True})
    else:
        done(f"{file}: {read_inference(file)}", {"file": file, "valid": True})
