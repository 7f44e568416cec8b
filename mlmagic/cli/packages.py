"""``mlmagic model package``, ``mlmagic package``: services as images, folders or files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, echo, engine, option, output, say, show
from mlmagic.cli.deployment_options import (
    for_engine,
    given_arguments,
    inference,
    model_ids,
    models,
    nearest_option,
    package_options,
    script,
)

if TYPE_CHECKING:
    from mlmagic.core.package import Package


@click.command("package", cls=Command)
@models
@script
@nearest_option
@package_options
def package_model(
    kind: str | None,
    generate_dockerfile: bool,
    image_name: str | None,
    image_label: str | None,
    folder: str | None,
    repository: str | None,
    test: bool,
    nearest: bool | None,
    **options: Any,
) -> None:
    """Package an entry script with its models, or models without a script.
    Prints the location of the package.

    \b
    Examples:
      mlmagic model package -m diabetes:1 --kind zip -o build
      mlmagic model package -m churn --entry-script score.py -n churn --push registry.example/team/churn
    """
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.core.deployments import with_arguments
    from mlmagic.core.package_arguments import DEPLOYMENT, chosen_kind

    wanted = chosen_kind(kind, generate_dockerfile=generate_dockerfile, folder=folder, repository=repository)
    given = given_arguments(options, DEPLOYMENT)
    model_names = model_ids(options)
    with engine() as opened:
        handle = inference(opened, options)
        script_config, config = for_engine(handle, with_arguments(DeploymentConfig(), given))
        made = opened.packages.create(
            model_names,
            script_config,
            kind=wanted,
            image_name=image_name,
            image_label=image_label,
            config=config,
            nearest=nearest is not False,
            test=test,
            report=say,
            notify=say,
        )
        place = made.location
        if folder:
            place = str(opened.packages.save(made, Path(folder)))
        if repository:
            place = opened.packages.push(made, repository, report=say)
    echo(place)


@click.group(cls=Commands)
def package() -> None:
    """Packages. Create one with: mlmagic model package"""


@package.command("list")
@output("table")
def list_packages(form: str) -> None:
    """List the newest package of each name.

    \b
    Example:
      mlmagic package list
    """
    with engine() as opened:
        show([package_record(each) for each in opened.packages.list()], form)


@package.command("show")
@option("-n", "--name", required=True, help="The package.")
@output()
def show_package(name: str, form: str) -> None:
    """Show a package as JSON.

    \b
    Example:
      mlmagic package show -n churn
    """
    with engine() as opened:
        show(package_record(opened.packages.get(name)), form)


@package.command("save")
@option("-n", "--name", required=True, help="The package.")
@option("-t", "--target-dir", "folder", required=True, metavar="DIR", help="The folder.")
def save_package(name: str, folder: str) -> None:
    """Copy a package's files to a folder.

    \b
    Example:
      mlmagic package save -n churn -t build
    """
    with engine() as opened:
        echo(opened.packages.save(opened.packages.get(name), Path(folder)))


@package.command("delete")
@option("-n", "--name", required=True, help="The package.")
def delete_package(name: str) -> None:
    """Delete all versions of a package and their files. Images stay in the Docker engine.

    \b
    Example:
      mlmagic package delete -n churn
    """
    with engine() as opened:
        opened.packages.delete(name)
    say(f"deleted package {name}")


def package_record(made: Package) -> dict[str, Any]:
    """A package as plain data, without its log."""
    record = replace(made, log=()).record()
    del record["log"]
    return record
