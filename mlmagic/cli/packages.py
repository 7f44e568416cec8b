"""``mlmagic model package``, ``mlmagic package``: services as images, folders or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlmagic.cli.base import Command, Commands, engine, option
from mlmagic.cli.completion import complete_packages
from mlmagic.cli.deployment_options import given_arguments, nearest_option, package_options
from mlmagic.cli.output import done, output, result, say, show
from mlmagic.cli.records import deleted, package_record
from mlmagic.cli.script_options import for_engine, inference, model_ids, models, script


@click.command("package", cls=Command)
@models
@script
@nearest_option
@option("--no-wait", is_flag=True, hidden=True)  # a package is made by this command
@package_options
def package_model(
    kind: str | None,
    generate_dockerfile: bool,
    image_name: str | None,
    image_label: str | None,
    folder: str | None,
    repository: str | None,
    test: bool,
    no_wait: bool,
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
    result(place, {**package_record(made), "location": place})


_name = option(*("-n", "--name"), required=True, shell_complete=complete_packages, help="The package.")


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
@_name
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
@_name
@option("-t", "--target-dir", "folder", required=True, metavar="DIR", help="The folder.")
def save_package(name: str, folder: str) -> None:
    """Copy a package's files to a folder.

    \b
    Example:
      mlmagic package save -n churn -t build
    """
    with engine() as opened:
        place = str(opened.packages.save(opened.packages.get(name), Path(folder)))
    result(place, {"name": name, "location": place})


@package.command("delete")
@_name
def delete_package(name: str) -> None:
    """Delete all versions of a package and their files. Images stay in the Docker engine.

    \b
    Example:
      mlmagic package delete -n churn
    """
    with engine() as opened:
        opened.packages.delete(name)
    done(f"deleted package {name}", deleted("name", name))
