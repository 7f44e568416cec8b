"""``mlmagic model package``, ``mlmagic package``: services as images, folders or files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, echo, engine, option, output, say, show
from mlmagic.cli.deployment_options import for_engine, inference, model_ids, models, nearest_option, script

if TYPE_CHECKING:
    from mlmagic.core.package import Package


@click.command("package", cls=Command)
@models
@script
@nearest_option
@option(
    "--kind",
    metavar="KIND",
    help="image, folder, zip, iot-edge, kubernetes, kserve or azureml-v2. Default: image.",
    group="Package",
)
@option("--generate-dockerfile", is_flag=True, help="The same as --kind folder.", group="Package")
@option("--in", "--image-name", "-n", "name", help="The image's name. Default: package.", group="Package")
@option(
    *("--il", "--image-label", "label"),
    metavar="LABEL",
    help="The image's label. Default: the start of the content's digest.",
    group="Package",
)
@option(
    *("-o", "--output-path", "folder"),
    metavar="DIR",
    help="Copy the package's files to this folder.",
    group="Package",
)
@option("--push", "repository", metavar="REPOSITORY", help="Push the image there.", group="Package")
def package_model(
    kind: str | None,
    generate_dockerfile: bool,
    label: str | None,
    name: str | None,
    folder: str | None,
    repository: str | None,
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
    from mlmagic.core.package import PackageKind

    wanted = PackageKind.parse(kind or ("folder" if generate_dockerfile or folder else "image"))
    model_names = model_ids(options)
    with engine() as opened:
        script_config, config = for_engine(inference(opened, options), DeploymentConfig())
        made = opened.packages.create(
            model_names,
            script_config,
            kind=wanted,
            image_name=name,
            image_label=label,
            config=config,
            nearest=nearest is not False,
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
