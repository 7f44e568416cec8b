"""``mlmagic model``: the registry, and deploying from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, complete_models, engine, output, pairs, say, show
from mlmagic.cli.following import follow
from mlmagic.cli.settings import deployed, deployment, given, inference, script, settings
from mlmagic.errors import InvalidConfig, UsageError

if TYPE_CHECKING:
    from mlmagic.core.model import Model

_labels = (
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE"),
    click.option("--property", "properties", multiple=True, metavar="KEY=VALUE"),
)
_model_id = click.option(
    "-i", "--model-id", "reference", required=True, metavar="NAME:VERSION", shell_complete=complete_models
)


@click.group(cls=Commands)
def model() -> None:
    """The model registry."""


@model.command("register")
@click.option("-n", "--name", required=True)
@click.option("-p", "--model-path", "path", help="A file or folder.")
@click.option("--asset-path", help="The file or folder in the run's files (with --run-id).")
@click.option("--run-id", help="Take the files of this run of --experiment-name, or of MLflow.")
@click.option("--experiment-name")
@_labels[0]
@_labels[1]
@click.option("-d", "--description", default="")
@click.option("--model-framework", "framework")
@click.option("--model-framework-version", "framework_version")
@click.option("--cc", "--cpu-cores", "cpu", type=float, help="Cores it asks for where it is served.")
@click.option("--gb", "--memory-gb", "memory", type=float, help="Gigabytes it asks for.")
@click.option("--gc", "--gpu-cores", "gpu", type=int, help="GPUs it asks for.")
@click.option("--child-path", "child_paths", multiple=True)
@click.option("-t", "--output-metadata-file", "metadata", metavar="FILE", help="Write modelId as JSON.")
def register_model(
    name: str,
    path: str | None,
    asset_path: str | None,
    run_id: str | None,
    experiment_name: str | None,
    tags: Sequence[str],
    properties: Sequence[str],
    description: str,
    framework: str | None,
    framework_version: str | None,
    cpu: float | None,
    memory: float | None,
    gpu: int | None,
    child_paths: Sequence[str],
    metadata: str | None,
) -> None:
    """Register a file or folder as the next version of a model."""
    from mlmagic.core.configuration import ResourceConfiguration
    from mlmagic.core.model import ModelDescription
    from mlmagic.sdk.run import files_of_run
    from mlmagic.sdk.workspace import Workspace

    asked = any(each is not None for each in (cpu, memory, gpu))
    details = ModelDescription(
        name,
        tags=pairs("--tag", tags),
        properties=pairs("--property", properties),
        description=description,
        framework=framework,
        framework_version=framework_version,
        resource_configuration=ResourceConfiguration(cpu, memory, gpu) if asked else None,
        run_id=run_id or "",
        experiment_name=experiment_name or "",
    )
    with engine() as opened:
        if run_id:
            stored = asset_path or path or name
            path = str(files_of_run(Workspace.over(opened), run_id, stored, experiment_name))
        if path is None:
            raise UsageError(
                "a model is made of files", hint="Name them: -p PATH, or --run-id with --asset-path."
            )
        registered = opened.models.register(path, details, child_paths=child_paths or None, notify=say)
    if metadata:
        Path(metadata).write_text(json.dumps({"modelId": registered.id}) + "\n", encoding="utf-8")
    click.echo(registered.id)


@model.command("list")
@click.option("-n", "--model-name", "--name", "name")
@click.option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]")
@click.option("--property", "properties", multiple=True, metavar="KEY[=VALUE]")
@click.option("--model-framework", "framework")
@click.option("--run-id")
@click.option("-l", "--latest", is_flag=True)
@output("table")
def list_models(
    name: str | None,
    tags: Sequence[str],
    properties: Sequence[str],
    framework: str | None,
    run_id: str | None,
    latest: bool,
    form: str,
) -> None:
    """List models."""
    from mlmagic.core.model import ModelFilter
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.widgets.cards import models_listing

    with engine() as opened:
        wanted = ModelFilter(name, tuple(tags), tuple(properties), framework, latest, run_id)
        found = opened.models.list(wanted)
        if form == "table":
            listing = models_listing(
                found, Workspace.over(opened).model_of, lambda m: opened.models.users(m.id)
            )
            click.echo(repr(listing))
            return
    show([model_record(one) for one in found], form)


@model.command("show")
@click.option("-i", "--model-id", "reference", metavar="NAME:VERSION", shell_complete=complete_models)
@click.option("-n", "--model-name", "--name", "name")
@click.option("-v", "--version", type=int)
@output()
def show_model(reference: str | None, name: str | None, version: int | None, form: str) -> None:
    """Show one model: by its id, or the newest of a name."""
    from mlmagic.core.names import ModelReference

    if not reference and not name:
        raise UsageError("no model is named", hint="Give -i NAME:VERSION, or -n NAME [-v VERSION].")
    with engine() as opened:
        found = opened.models.get(reference or ModelReference(str(name), version))
    show(model_record(found), form)


@model.command("update")
@_model_id
@click.option("--add-tag", "add_tags", multiple=True, metavar="KEY=VALUE")
@click.option("--remove-tag", "remove_tags", multiple=True, metavar="KEY")
@click.option("--add-property", "add_properties", multiple=True, metavar="KEY=VALUE")
@click.option("-d", "--description")
@output()
def update_model(
    reference: str,
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
    add_properties: Sequence[str],
    description: str | None,
    form: str,
) -> None:
    """Change a model's tags or description, or add properties."""
    with engine() as opened:
        before = opened.models.get(reference)
        tags = {**before.tags, **pairs("--add-tag", add_tags)}
        changed = opened.models.change(
            before.id,
            tags={key: value for key, value in tags.items() if key not in remove_tags},
            add_properties=pairs("--add-property", add_properties),
            description=description,
        )
    show(model_record(changed), form)


@model.command("download")
@_model_id
@click.option("-t", "--target-dir", "folder", default=".")
@click.option("--overwrite", is_flag=True)
def download_model(reference: str, folder: str, overwrite: bool) -> None:
    """Copy a model's files into a folder."""
    with engine() as opened:
        click.echo(opened.models.download(reference, Path(folder), exist_ok=overwrite))


@model.command("delete")
@_model_id
def delete_model(reference: str) -> None:
    """Forget a model version that no service uses."""
    with engine() as opened:
        say(f"deleted {opened.models.delete(reference).id}")


@model.command("deploy")
@click.option("-n", "--name", required=True, help="The service.")
@click.option(
    "-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]", shell_complete=complete_models
)
@click.option("-f", "--model-metadata-file", "metadata", metavar="FILE", help="JSON with the modelId.")
@script
@click.option("--dc", "--deploy-config-file", "dc", metavar="FILE", help="deploymentconfig.json, or YAML.")
@click.option("--ct", "--compute-target", "target", help="The target (default: local, or the file's).")
@settings
@click.option("--overwrite", is_flag=True)
@click.option("--no-wait", is_flag=True)
@click.option("-v", "verbose", is_flag=True, help="Print the service's log, too.")
def deploy_model(
    name: str,
    models: Sequence[str],
    metadata: str | None,
    dc: str | None,
    target: str | None,
    overwrite: bool,
    no_wait: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Deploy an entry script with its models, or models without a script, as a service."""
    wanted = [*models, *(read_model_ids(metadata) if metadata else [])]
    with engine() as opened:
        script_config, config = deployed(inference(opened, options), deployment(dc, target, given(options)))
        follow(
            opened,
            lambda: opened.services.deploy(
                name, wanted, script_config, config, overwrite=overwrite, notify=say, nearest_python=True
            ),
            wait=not no_wait,
            log=verbose,
        )


def read_model_ids(file: str) -> list[str]:
    """What ``register -t`` has written: one modelId, or a list of such. Raises `InvalidConfig`."""
    from mlmagic.sdk.configuration_files import read_object

    values = read_object(file)
    records = values if isinstance(values, list) else [values]
    ids = [str(record["modelId"]) for record in records if isinstance(record, dict) and "modelId" in record]
    if len(ids) != len(records):
        raise InvalidConfig(file, values, 'must hold {"modelId": "NAME:VERSION"}')
    return ids


def model_record(record: Model) -> dict[str, Any]:
    """A model as data."""
    values = asdict(record.details)
    files = [file.path for file in record.files]
    return {"id": record.id, "version": record.version, **values, "files": files, "size": record.size}
