"""``mlmagic model``: the model registry, and deploys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option, pairs
from mlmagic.cli.completion import complete_models
from mlmagic.cli.output import done, output, result, say, show, show_listing
from mlmagic.cli.records import deleted, model_record
from mlmagic.cli.script_options import all_of, of_rows
from mlmagic.core.arguments import Group
from mlmagic.core.registration_arguments import TABLE
from mlmagic.errors import InvalidConfig, NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.core.model import Model
    from mlmagic.engine.engine import Engine

_model_id = option(
    *("-i", "--model-id", "reference"),
    required=True,
    metavar="NAME:VERSION",
    shell_complete=complete_models,
    help="The model.",
)
_NEEDS = "Resources"


def registration_options(command: Any) -> Any:
    """Give ``command`` the options of a registration that the magic has too."""
    return all_of(of_rows(TABLE, "Options"), command)


_LAZY = {
    "deploy": "model_deployment:deploy_model",
    "package": "packages:package_model",
    "profile": "profiles:profile_model",
}


@click.group(cls=Commands, lazy_subcommands=_LAZY)
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
    *("-r", "--run-id"),
    metavar="ID",
    help="Register the files of this run, of --experiment-name or of MLflow.",
    group="Files",
)
@option("--experiment-name", metavar="NAME", help="The experiment of the run.", group="Files")
@option(
    *("-f", "--run-metadata-file"),
    metavar="FILE",
    help="JSON with the runId, instead of --run-id.",
    group="Files",
)
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
@registration_options
@option("--sample-input-dataset-id", "sample_input", metavar="ID", hidden=True)
@option("--sample-output-dataset-id", "sample_output", metavar="ID", hidden=True)
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
    compile: bool,
    child_paths: Sequence[str],
    run_metadata_file: str | None,
    sample_input: str | None,
    sample_output: str | None,
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

    run_id = run_id or (_run_id_in(run_metadata_file) if run_metadata_file else None)
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
        compile=compile,
    )
    with engine() as opened:
        samples = {"sample_input": sample_input, "sample_output": sample_output}
        details = replace(details, **_samples(opened, samples))
        if run_id:
            stored = asset_path or path or name
            path = str(files_of_run(Workspace.over(opened), run_id, stored, experiment_name))
        if path is None:
            raise UsageError("no files are named", hint="Name them: -p PATH, or --run-id with --asset-path.")
        registered = opened.models.register(path, details, child_paths=child_paths or None, notify=say)
        if metadata:
            Path(metadata).write_text(json.dumps({"modelId": registered.id}) + "\n", encoding="utf-8")
        result(registered.id, model_record(opened, registered))


@model.command("list")
@option("-n", "--model-name", "--name", "name", metavar="NAME", help="Only models of this name.")
@option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]", help="Only models with this tag.")
@option(
    "--property", "properties", multiple=True, metavar="KEY[=VALUE]", help="Only models with this property."
)
@option("--model-framework", "framework", metavar="NAME", help="Only models of this framework.")
@option("--run-id", metavar="ID", help="Only models of this run.")
@option("--dataset-id", metavar="ID", help="Only models that were made of this dataset.")
@option("-l", "--latest", is_flag=True, help="Only the newest version of each name.")
@output("table")
def list_models(
    name: str | None,
    tags: Sequence[str],
    properties: Sequence[str],
    framework: str | None,
    run_id: str | None,
    dataset_id: str | None,
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
        found = [each for each in opened.models.list(wanted) if _is_of(each, dataset_id)]
        listing = models_listing(found, Workspace.over(opened).model_of, lambda m: opened.models.users(m.id))
        show_listing(listing, lambda: [model_record(opened, one) for one in found], form)


@model.command("show")
@option(
    *("-i", "--model-id", "reference"),
    metavar="NAME:VERSION",
    shell_complete=complete_models,
    help="The model.",
)
@option("-n", "--model-name", "--name", "name", metavar="NAME", help="Its name, instead of the id.")
@option("-v", "--version", type=int, help="With -n: the version. Default: the newest.")
@option("--run-id", metavar="ID", help="The newest model of this run.")
@output()
def show_model(
    reference: str | None, name: str | None, version: int | None, run_id: str | None, form: str
) -> None:
    """Show a model as JSON.

    \b
    Examples:
      mlmagic model show -i diabetes:1
      mlmagic model show -n diabetes
    """
    from mlmagic.core.model import ModelFilter
    from mlmagic.core.names import ModelReference

    if not reference and not name and not run_id:
        raise UsageError("no model is named", hint="Name one: -i NAME:VERSION, or -n NAME [-v VERSION].")
    with engine() as opened:
        if reference or (name and not run_id):
            found = opened.models.get(reference or ModelReference(str(name), version))
        else:
            of_run = opened.models.list(ModelFilter(name, run_id=run_id))
            if not of_run:
                raise NotFound("model of run", str(run_id), hint="See: mlmagic model list")
            found = max(of_run, key=lambda each: each.created_time)
        show(model_record(opened, found), form)


@model.command("update")
@_model_id
@option("--add-tag", "add_tags", multiple=True, metavar="KEY=VALUE", help="Add or change a tag; may repeat.")
@option("--remove-tag", "remove_tags", multiple=True, metavar="KEY", help="Remove a tag; may repeat.")
@option(
    "--add-property", "add_properties", multiple=True, metavar="KEY=VALUE", help="Add a property; may repeat."
)
@option("-d", "--description", metavar="TEXT", help="The new description.")
@option("--cc", "--cpu-cores", "cpu", type=float, metavar="CORES", help="CPU cores of its services.")
@option("--gb", "--memory-gb", "memory", type=float, metavar="GB", help="Memory of its services.")
@option("--gc", "--gpu-cores", "gpu", type=int, metavar="COUNT", help="GPUs that it needs.")
@option("--sample-input-dataset-id", "sample_input", metavar="ID", hidden=True)
@option("--sample-output-dataset-id", "sample_output", metavar="ID", hidden=True)
@output()
def update_model(
    reference: str,
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
    add_properties: Sequence[str],
    description: str | None,
    cpu: float | None,
    memory: float | None,
    gpu: int | None,
    sample_input: str | None,
    sample_output: str | None,
    form: str,
) -> None:
    """Change a model's tags or description, or add properties.

    \b
    Example:
      mlmagic model update -i diabetes:1 --add-tag stage=prod --remove-tag draft
    """
    from mlmagic.core.configuration import ResourceConfiguration

    with engine() as opened:
        before = opened.models.get(reference)
        details = _samples(opened, {"sample_input": sample_input, "sample_output": sample_output})
        if any(each is not None for each in (cpu, memory, gpu)):
            now = before.details.resource_configuration or ResourceConfiguration()
            details["resource_configuration"] = ResourceConfiguration(
                now.cpu if cpu is None else cpu,
                now.memory_in_gb if memory is None else memory,
                now.gpu if gpu is None else gpu,
            )
        tags = {**before.tags, **pairs("--add-tag", add_tags)}
        changed = opened.models.change(
            before.id,
            tags={key: value for key, value in tags.items() if key not in remove_tags},
            add_properties=pairs("--add-property", add_properties),
            description=description,
            details=details,
        )
        show(model_record(opened, changed), form)


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
        place = opened.models.download(reference, Path(folder), exist_ok=overwrite)
    result(str(place), {"id": reference, "path": str(place)})


@model.command("delete")
@_model_id
def delete_model(reference: str) -> None:
    """Delete a model version that no service uses.

    \b
    Example:
      mlmagic model delete -i diabetes:1
    """
    with engine() as opened:
        gone = opened.models.delete(reference)
    done(f"deleted {gone.id}", deleted("id", gone.id))


def _run_id_in(file: str) -> str:
    """The id in a file that a run has written. Raises `InvalidConfig`."""
    from mlmagic.sdk.configuration_files import read_object

    values = read_object(file)
    if not isinstance(values, dict) or not isinstance(found := values.get("runId"), str):
        raise InvalidConfig("--run-metadata-file", file, 'must hold {"runId": "ID"}')
    return found


def _samples(opened: Engine, ids: Mapping[str, str | None]) -> dict[str, Any]:
    """The samples that datasets hold, by field; those without an id are left out."""
    from mlmagic.sdk.dataset import Dataset
    from mlmagic.sdk.model_registration import sample_of
    from mlmagic.sdk.workspace import Workspace

    workspace = Workspace.over(opened)
    return {name: sample_of(Dataset.get_by_id(workspace, each)) for name, each in ids.items() if each}


def _is_of(model: Model, dataset_id: str | None) -> bool:
    return dataset_id is None or dataset_id in {each for _, each in model.details.datasets}
