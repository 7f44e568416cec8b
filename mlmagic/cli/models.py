"""``mlmagic model``: the model registry, and deploys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, complete_models, echo, engine, option, output, pairs, say, show
from mlmagic.cli.deployment_options import (
    deploy_config_file,
    deployment_on,
    deployment_options,
    for_engine,
    given_arguments,
    inference,
    model_ids,
    models,
    no_wait,
    script,
)
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.online_deployment import deploy_online
from mlmagic.core.arguments import Group
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.core.model import Model

_model_id = option(
    *("-i", "--model-id", "reference"),
    required=True,
    metavar="NAME:VERSION",
    shell_complete=complete_models,
    help="The model.",
)
_NEEDS = "Resources"


@click.group(cls=Commands)
def model() -> None:
    """The model registry."""


@model.command("register")
@option("-n", "--name", required=True, help="The model's name.")
@option("-p", "--model-path", "path", metavar="PATH", help="A file or folder.", group="Files")
@option(
    "--child-path",
    "child_paths",
    multiple=True,
    metavar="PATH",
    help="Only this file or folder.",
    group="Files",
)
@option(
    "--run-id",
    metavar="ID",
    help="Register the files of this run, of --experiment-name or of MLflow.",
    group="Files",
)
@option("--experiment-name", metavar="NAME", help="The experiment of the run.", group="Files")
@option("--asset-path", metavar="PATH", help="With --run-id: the file or folder of the run.", group="Files")
@option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may repeat.", group=Group.LABELS)
@option(
    "--property",
    "properties",
    multiple=True,
    metavar="KEY=VALUE",
    help="A property; may repeat.",
    group=Group.LABELS,
)
@option("-d", "--description", default="", metavar="TEXT", help="The description.", group=Group.LABELS)
@option(
    "--model-framework",
    "framework",
    metavar="NAME",
    help="ScikitLearn, Onnx, TensorFlow, PyTorch, XGBoost, ...",
    group=Group.LABELS,
)
@option(
    "--model-framework-version",
    "framework_version",
    metavar="VERSION",
    help="The framework's version.",
    group=Group.LABELS,
)
@option(
    "--cc", "--cpu-cores", "cpu", type=float, metavar="CORES", help="CPU cores of its services.", group=_NEEDS
)
@option(
    "--gb", "--memory-gb", "memory", type=float, metavar="GB", help="Memory of its services.", group=_NEEDS
)
@option("--gc", "--gpu-cores", "gpu", type=int, metavar="COUNT", help="GPUs that it needs.", group=_NEEDS)
@option(
    *("-t", "--output-metadata-file", "metadata"),
    metavar="FILE",
    help="Write the modelId to this file as JSON.",
)
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
    """Register a file or folder as the next version of a model.

    \b
    Examples:
      mlmagic model register -n iris -p outputs/iris.onnx
      mlmagic model register -n churn -p model.pkl --tag stage=dev -t model.json
      mlmagic model register -n churn --run-id 2f3a --asset-path model
    """
    from mlmagic.core.configuration import ResourceConfiguration
    from mlmagic.core.model import ModelDescription
    from mlmagic.sdk.run import files_of_run
    from mlmagic.sdk.workspace import Workspace

    has_resources = any(each is not None for each in (cpu, memory, gpu))
    details = ModelDescription(
        name,
        tags=pairs("--tag", tags),
        properties=pairs("--property", properties),
        description=description,
        framework=framework,
        framework_version=framework_version,
        resource_configuration=ResourceConfiguration(cpu, memory, gpu) if has_resources else None,
        run_id=run_id or "",
        experiment_name=experiment_name or "",
    )
    with engine() as opened:
        if run_id:
            stored = asset_path or path or name
            path = str(files_of_run(Workspace.over(opened), run_id, stored, experiment_name))
        if path is None:
            raise UsageError("no files are named", hint="Name them: -p PATH, or --run-id with --asset-path.")
        registered = opened.models.register(path, details, child_paths=child_paths or None, notify=say)
    if metadata:
        Path(metadata).write_text(json.dumps({"modelId": registered.id}) + "\n", encoding="utf-8")
    echo(registered.id)


@model.command("list")
@option("-n", "--model-name", "--name", "name", metavar="NAME", help="Only models of this name.")
@option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]", help="Only models with this tag.")
@option(
    "--property", "properties", multiple=True, metavar="KEY[=VALUE]", help="Only models with this property."
)
@option("--model-framework", "framework", metavar="NAME", help="Only models of this framework.")
@option("--run-id", metavar="ID", help="Only models of this run.")
@option("-l", "--latest", is_flag=True, help="Only the newest version of each name.")
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
    """List the registered models.

    \b
    Examples:
      mlmagic model list
      mlmagic model list -n diabetes --latest
      mlmagic model list --tag stage=prod -o json
    """
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
            echo(repr(listing))
            return
    show([model_record(one) for one in found], form)


@model.command("show")
@option(
    *("-i", "--model-id", "reference"),
    metavar="NAME:VERSION",
    shell_complete=complete_models,
    help="The model.",
)
@option("-n", "--model-name", "--name", "name", metavar="NAME", help="Its name, instead of the id.")
@option("-v", "--version", type=int, help="With -n: the version. Default: the newest.")
@output()
def show_model(reference: str | None, name: str | None, version: int | None, form: str) -> None:
    """Show a model as JSON.

    \b
    Examples:
      mlmagic model show -i diabetes:1
      mlmagic model show -n diabetes
    """
    from mlmagic.core.names import ModelReference

    if not reference and not name:
        raise UsageError("no model is named", hint="Name one: -i NAME:VERSION, or -n NAME [-v VERSION].")
    with engine() as opened:
        found = opened.models.get(reference or ModelReference(str(name), version))
    show(model_record(found), form)


@model.command("update")
@_model_id
@option("--add-tag", "add_tags", multiple=True, metavar="KEY=VALUE", help="Add or change a tag; may repeat.")
@option("--remove-tag", "remove_tags", multiple=True, metavar="KEY", help="Remove a tag; may repeat.")
@option(
    "--add-property", "add_properties", multiple=True, metavar="KEY=VALUE", help="Add a property; may repeat."
)
@option("-d", "--description", metavar="TEXT", help="The new description.")
@output()
def update_model(
    reference: str,
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
    add_properties: Sequence[str],
    description: str | None,
    form: str,
) -> None:
    """Change a model's tags or description, or add properties.

    \b
    Example:
      mlmagic model update -i diabetes:1 --add-tag stage=prod --remove-tag draft
    """
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
@option("-t", "--target-dir", "folder", default=".", show_default=True, metavar="DIR", help="The folder.")
@option("--overwrite", is_flag=True, help="Overwrite existing files.")
def download_model(reference: str, folder: str, overwrite: bool) -> None:
    """Copy a model's files to a folder.

    \b
    Example:
      mlmagic model download -i diabetes:1 -t models
    """
    with engine() as opened:
        echo(opened.models.download(reference, Path(folder), exist_ok=overwrite))


@model.command("delete")
@_model_id
def delete_model(reference: str) -> None:
    """Delete a model version that no service uses.

    \b
    Example:
      mlmagic model delete -i diabetes:1
    """
    with engine() as opened:
        say(f"deleted {opened.models.delete(reference).id}")


@model.command("deploy")
@option("-n", "--name", help="The service. Default: the endpoint of --file.", group=Group.MODELS)
@models
@script
@option(
    "--file",
    "v2_file",
    metavar="FILE",
    help="An online deployment of Azure ML v2 (YAML), with its model, script and environment.",
    group=Group.MODELS,
)
@option(
    *("--ct", "--compute-target", "target"),
    metavar="TARGET",
    help="The compute target, or the name of an attached cluster. Default: local, or the file's.",
    group=Group.RESOURCES,
)
@deploy_config_file
@deployment_options
@option("--overwrite", is_flag=True, help="Replace the service of that name.", group=Group.RUN)
@no_wait
@option("-v", "verbose", is_flag=True, help="Print the service's log too.", group=Group.RUN)
def deploy_model(
    name: str | None,
    v2_file: str | None,
    dc: str | None,
    target: str | None,
    overwrite: bool,
    no_wait: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Deploy an entry script with its models, or models without a script, as a live web service.
    Prints the scoring URI once the service is healthy.

    \b
    Examples:
      mlmagic model deploy -n diabetes-svc -m diabetes:1
      mlmagic model deploy -n churn-svc -m churn --entry-script score.py --ct docker --auth
      mlmagic model deploy --file deployment.yml
    """
    wanted = model_ids(options)
    if v2_file is not None:
        if wanted or dc or options["ic"] or options["entry_script"]:
            raise UsageError("--file names model, script and settings already", hint="Leave out the others.")
        with engine() as opened:
            deploy_online(opened, v2_file, name, target, given_arguments(options), overwrite, no_wait)
        return
    if name is None:
        context = click.get_current_context()
        missing = next(each for each in context.command.params if each.name == "name")
        raise click.MissingParameter(ctx=context, param=missing)
    with engine() as opened:
        script_config, config = for_engine(
            inference(opened, options), deployment_on(opened, dc, target, given_arguments(options))
        )
        run_and_follow(
            opened,
            lambda: opened.services.deploy(
                name, wanted, script_config, config, overwrite=overwrite, notify=say, nearest=True
            ),
            wait=not no_wait,
            log=verbose,
        )


def model_record(record: Model) -> dict[str, Any]:
    """A model as plain data."""
    values = asdict(record.details)
    files = [file.path for file in record.files]
    return {"id": record.id, "version": record.version, **values, "files": files, "size": record.size}
