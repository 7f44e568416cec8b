"""inferenceconfig.json and deploymentconfig.json: a service's two configurations as files, JSON or YAML.

All keys of Azure ML v1 are read, also the deprecated ones; an unknown key is an error that names the nearest
one. Relative paths start at the folder of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core import deployment_file
from mlmagic.core.arguments import CERTIFICATE
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.replacements import without_replacements
from mlmagic.core.webservice import Revision
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.sdk import environment_json
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.deployment import WebserviceDeploymentConfiguration, configuration, configuration_of
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.environment_sections import ContainerRegistry
from mlmagic.sdk.inference import InferenceConfig

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.workspace import Workspace

INFERENCE_FILE, DEPLOYMENT_FILE, SOURCE_FOLDER = "inferenceconfig.json", "deploymentconfig.json", "source"
_SIMPLE = {
    "entryScript": "entry_script",
    "runtime": "runtime",
    "condaFile": "conda_file",
    "extraDockerfileSteps": "extra_docker_file_steps",
    "extraDockerFileSteps": "extra_docker_file_steps",  # both spellings are in use
    "enableGpu": "enable_gpu",
    "baseImage": "base_image",
    "cudaVersion": "cuda_version",
    "description": "description",
}
KEYS = (*_SIMPLE, "sourceDirectory", "environment", "baseImageRegistry")


def read_deployment(path: str | Path) -> WebserviceDeploymentConfiguration:
    """The configuration in a deploymentconfig.json. Raises `UsageError` for a wrong key or value."""
    compute, given = deployment_file.read(read_object(path), Path(path).name)
    for name in CERTIFICATE:
        if isinstance(given.get(name), str):
            given[name] = str(Path(path).expanduser().parent / given[name])
    return configuration(compute, given)


def read_inference(
    path: str | Path, workspace: Workspace | None = None, environment: Environment | None = None
) -> InferenceConfig:
    """The configuration in an inferenceconfig.json; ``environment`` replaces its own.

    If ``environment`` in the file is text, it is a registered one of ``workspace``, ``name[:version]``.
    """
    file = Path(path).expanduser()
    values = read_object(file)
    if not isinstance(values, Mapping):
        raise InvalidConfig(file.name, values, "must be a mapping")
    for key in values:
        if key not in KEYS:
            raise NotFound(f"key of {file.name}", key, KEYS)
    if not isinstance(values.get("entryScript"), str):
        raise InvalidConfig("entryScript", values.get("entryScript"), f"must be text, in {file.name}")
    arguments = {argument: values[key] for key, argument in _SIMPLE.items() if values.get(key) is not None}
    folder = file.parent / (values.get("sourceDirectory") or "")
    if values.get("sourceDirectory") is None:
        for argument in {"entry_script", "conda_file", "extra_docker_file_steps"} & arguments.keys():
            arguments[argument] = str(folder / arguments[argument])
    else:
        arguments["source_directory"] = str(folder)
    if registry := values.get("baseImageRegistry"):
        arguments["base_image_registry"] = _registry(registry)
    found = environment or _environment(values.get("environment"), workspace)
    return InferenceConfig(**arguments, environment=found)


def export(engine: Engine, name: str, folder: Path) -> list[Path]:
    """Write both files of a service, and its source, into ``folder``; returns the paths.

    Deployed with the same models they give the same service. They do not hold its keys. Existing files are
    never overwritten.
    """
    service = engine.services.get(name)
    revision = engine.services.revision(service)
    places = [folder / INFERENCE_FILE, folder / DEPLOYMENT_FILE, folder / SOURCE_FOLDER]
    taken = next((place for place in places if place.exists()), None)
    if taken is not None:
        raise AlreadyExists("file", str(taken), hint="Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    engine.memory.files.copy_out(revision.files, places[2])
    deployed = configuration_of(revision.config)
    for place, values in (
        (places[0], _inference_of(revision)),
        (places[1], deployment_file.write(deployed.compute, _but_variables(deployed.given))),
    ):
        place.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return places


def inference_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of inferenceconfig.json, with which editors complete and check it."""
    texts = {key: {"type": ["string", "null"]} for key in _SIMPLE}
    texts["enableGpu"] = {"type": ["boolean", "null"]}
    texts["entryScript"] = {"type": "string", "pattern": r"\.py$"}  # type: ignore[dict-item]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": INFERENCE_FILE,
        "description": "The entry script, its folder and its environment.",
        "type": "object",
        "required": ["entryScript"],
        "additionalProperties": False,
        "properties": {
            **texts,
            "sourceDirectory": {"type": ["string", "null"]},
            "environment": {"anyOf": [{"type": ["string", "null"]}, _object("")]},
            "baseImageRegistry": _object("docker.baseImageRegistry"),
        },
    }


def _object(path: str) -> dict[str, Any]:
    """The schema of one object of an environment, with its inner objects."""
    prefix = f"{path}." if path else ""
    inner = {
        key: _object(prefix + key) if prefix + key in environment_json.KEYS else {}
        for key in environment_json.KEYS[path]
    }
    return {"type": ["object", "null"], "additionalProperties": False, "properties": inner}


def _inference_of(revision: Revision) -> dict[str, Any]:
    inference, config = revision.inference, revision.config
    values: dict[str, Any] = {"entryScript": inference.entry_script, "sourceDirectory": SOURCE_FOLDER}
    if inference.description:
        values["description"] = inference.description
    environment = _environment_of(inference, dict(config.environment_variables))
    if environment is not None:
        values["environment"] = environment
    return values


def _but_variables(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without the variables, which are in the other file, as in Azure ML v1."""
    return {name: value for name, value in given.items() if name != "environment_variables"}


def _environment_of(inference: CoreInferenceConfig, variables: dict[str, str]) -> dict[str, Any] | None:
    if inference.environment is not None:
        return {**without_replacements(inference.environment), "environmentVariables": variables}
    if not variables and not inference.requirements:
        return None
    made: dict[str, Any] = {"name": "exported", "environmentVariables": variables}
    if inference.requirements:
        wanted = CondaDependencies.create(pip_packages=inference.requirements)
        made["python"] = {"condaDependencies": wanted.as_dict()}
    return made


def _environment(given: Any, workspace: Workspace | None) -> Environment | None:
    if given is None:
        return None
    if isinstance(given, str):
        if workspace is None:
            raise UsageError(f"the registered environment {given!r} needs a workspace")
        name, _, version = given.partition(":")
        return Environment.get(workspace, name, version or None)
    environment_json.check_record(given)
    return Environment.from_record(dict(given))


def _registry(given: Any) -> ContainerRegistry:
    made = ContainerRegistry()
    for key, value in given.items():
        if key not in environment_json.KEYS["docker.baseImageRegistry"]:
            raise NotFound("key of baseImageRegistry", key, environment_json.KEYS["docker.baseImageRegistry"])
        setattr(made, key, value)
    return made


def read_object(path: str | Path) -> Any:
    """The value of a JSON or YAML file. Raises `NotFound` and `InvalidConfig`.

    JSON may have commas too many: the first Azure ML command line read its files as YAML, which takes them.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise NotFound("configuration file", str(file), hint=f"The working folder is {Path.cwd()}.")
    text = file.read_text(encoding="utf-8")
    try:
        if file.suffix.lower() in (".yml", ".yaml"):
            return _read_yaml(text)
        try:
            return json.loads(text)
        except ValueError:
            with suppress(ValueError):
                if isinstance(found := _read_yaml(text), dict):
                    return found
            raise
    except ValueError as error:
        kind = "YAML" if file.suffix.lower() in (".yml", ".yaml") else "JSON"
        raise InvalidConfig(str(file), text[:40], f"must be {kind}: {error}") from None


def _read_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
