"""``mlmagic model package``, ``mlmagic package``: a service to take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, complete_models, engine, output, say, show
from mlmagic.cli.models import read_model_ids
from mlmagic.cli.settings import deployed, inference, script

if TYPE_CHECKING:
    from mlmagic.core.package import Package


@click.command("package", cls=Command)
@click.option(
    "-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]", shell_complete=complete_models
)
@click.option("-f", "--model-metadata-file", "metadata", metavar="FILE", help="JSON with the modelId.")
@script
@click.option("--kind", help="image, folder, zip, iot-edge or kubernetes (default: image).")
@click.option("--generate-dockerfile", is_flag=True, help="The same as --kind folder.")
@click.option("--il", "--image-label", "label", help="Default: the beginning of the content's digest.")
@click.option("--in", "--image-name", "-n", "name", help="Default: package.")
@click.option("-o", "--output-path", "folder", metavar="DIR", help="Copy the package's files there.")
@click.option("--push", "repository", metavar="REPOSITORY", help="Push the image there.")
def package_model(
    models: Sequence[str],
    metadata: str | None,
    kind: str | None,
    generate_dockerfile: bool,
    label: str | None,
    name: str | None,
    folder: str | None,
    repository: str | None,
    **options: Any,
) -> None:
    """Package an entry script with its models, or models without a script; prints where it is."""
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.core.package import PackageKind

    wanted = PackageKind.parse(kind or ("folder" if generate_dockerfile or folder else "image"))
    with engine() as opened:
        script_config, config = deployed(inference(opened, options), DeploymentConfig())
        made = opened.packages.create(
            [*models, *(read_model_ids(metadata) if metadata else [])],
            script_config,
            kind=wanted,
            image_name=name,
            image_label=label,
            config=config,
            report=say,
            notify=say,
        )
        place = made.location
        if folder:
            place = str(opened.packages.save(made, Path(folder)))
        if repository:
            place = opened.packages.push(made, repository, report=say)
    click.echo(place)


@click.group(cls=Commands)
def package() -> None:
    """Packages that were made (mlmagic model package makes one)."""


@package.command("list")
@output("table")
def list_packages(form: str) -> None:
    """List packages: the newest of each name."""
    with engine() as opened:
        show([package_record(each) for each in opened.packages.list()], form)


@package.command("show")
@click.option("-n", "--name", required=True)
@output()
def show_package(name: str, form: str) -> None:
    """Show one package."""
    with engine() as opened:
        show(package_record(opened.packages.get(name)), form)


@package.command("save")
@click.option("-n", "--name", required=True)
@click.option("-t", "--target-dir", "folder", required=True)
def save_package(name: str, folder: str) -> None:
    """Copy a package's files into a folder."""
    with engine() as opened:
        click.echo(opened.packages.save(opened.packages.get(name), Path(folder)))


def package_record(made: Package) -> dict[str, Any]:
    """A package as data, without its log."""
    record = replace(made, log=()).record()
    del record["log"]
    return record
