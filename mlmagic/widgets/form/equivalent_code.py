"""Equivalent code for a form: a magic line, Python of Azure ML SDK v1, deploymentconfig.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from mlmagic.core import deployment_file as json_file
from mlmagic.core.arguments import ComputeType, row_of
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.widgets.form.values import FormValues, ScriptKind

_PLAIN = re.compile(r"[A-Za-z0-9_./:,@+][A-Za-z0-9_./:,@+-]*")
_QUOTABLE = re.compile(r"[A-Za-z0-9_./:,@+*][A-Za-z0-9_./:,@+* -]*")
_CLASSES: Mapping[ComputeType, str] = {
    ComputeType.LOCAL: "LocalWebservice",
    ComputeType.ACI: "AciWebservice",
    ComputeType.AKS: "AksWebservice",
}
FROM_CONFIG = "Workspace.from_config()"
_UNTOUCHED = DeploymentConfig()


def word(text: str) -> str:
    """``text`` as one word of a magic's line."""
    if _PLAIN.fullmatch(text):
        return text
    if _QUOTABLE.fullmatch(text):
        return f'"{text}"'
    # As a Python expression, in which no character is special to the line.
    return "{" + repr(text) + "}"


def magic_line(values: FormValues) -> str:
    """The `%deploy` line. ``values`` has no problems."""
    return " ".join(["%deploy", *_words(values)])


def python(values: FormValues, workspace: str = FROM_CONFIG) -> str:
    """Python with Azure ML SDK v1's names; ``workspace`` is the expression that opens the workspace."""
    environment = _environment(values)
    plain = values.script.kind is not ScriptKind.NONE or (len(values.models) == 1 and not environment)
    body = [
        f"ws = {workspace}",
        _configuration(values),
        *(_deploy(values, environment) if plain else _deploy_by_engine(values, environment)),
        "service.wait_for_deployment(show_output=True)",
    ]
    return "\n".join([*_imports("\n".join(body)), "", *body])


def workspace_code(name: str, found_by: str) -> str:
    """The Python expression that opens a workspace, by the rule that found it."""
    if found_by == "its name":
        return f"Workspace.get({name!r})"
    return "Workspace()" if found_by == "the user's default workspace" else FROM_CONFIG


def deployment_file(values: FormValues) -> str:
    """The content of deploymentconfig.json."""
    return json.dumps(json_file.write(values.compute, values.given), indent=2)


def is_documented(values: FormValues) -> bool:
    """Whether Azure ML v1 has a compute type for the target; else a file names ``local``."""
    return values.compute.target == values.target


def _words(values: FormValues) -> Iterator[str]:
    yield word(values.service)
    for model in values.models:
        yield from ("-m", word(model))
    script = values.script
    if script.kind is ScriptKind.CAPTURED:
        yield from ("--script", word(script.name))
    elif script.kind is ScriptKind.FILE:
        yield from ("--entry-script", word(script.name))
        if script.folder:
            yield from ("--source-directory", word(script.folder))
    else:
        yield "--no-code"
    if values.environment:
        yield from ("-e", word(values.environment))
    yield from ("--target", word(values.target))
    config = values.config
    for name, value in {**_changed(config), **config.compute_settings}.items():
        yield from _option(name, value)
    if values.overwrite:
        yield "--overwrite"


def _changed(config: DeploymentConfig) -> dict[str, Any]:
    """The fields of a configuration that differ from our defaults, without the target."""
    found = {each.name: getattr(config, each.name) for each in fields(config)}
    changed = {
        name: value
        for name, value in found.items()
        if name not in ("target", "compute_settings") and value != getattr(_UNTOUCHED, name)
    }
    return {**changed, "auth_enabled": False} if changed.pop("without_auth", False) else changed


def _option(name: str, value: Any) -> Iterator[str]:
    row = row_of(name)
    option = row.option
    if isinstance(value, bool):
        yield option if value else row.opposite
    elif isinstance(value, Mapping):
        plain = all(_PLAIN.fullmatch(each) for pair in value.items() for each in pair)
        for key, text in value.items():
            yield from (option, f"{key}={text}" if plain else repr({key: text}))
    else:
        yield from (option, word(value) if isinstance(value, str) else repr(value))


def _environment(values: FormValues) -> str:
    name, _, version = values.environment.partition(":")
    return f"Environment.get(ws, {name!r}, {version!r})" if name else ""


def _configuration(values: FormValues) -> str:
    if is_documented(values):
        return _call(f"config = {_CLASSES[values.compute]}.deploy_configuration", [], values.given)
    # A target without a compute type takes the arguments of a local one, which are all fields.
    return _call("config = DeploymentConfig", [repr(values.target)], _changed(values.config))


def _deploy(values: FormValues, environment: str) -> Iterator[str]:
    split = [model.partition(":") for model in values.models]
    models = ", ".join(f"Model(ws, {name!r}, version={version})" for name, _, version in split)
    yield f"models = [{models}]"
    script = values.script
    around = {"environment": _Code(environment)} if environment else {}
    if script.kind is ScriptKind.CAPTURED:
        folder = f"{script.name}-source"
        yield f"source = mlmagic.captured_script({script.name!r}).save({folder!r})  # the cell as a folder"
        yield _call(
            "script = InferenceConfig", ["'score.py'"], {"source_directory": _Code("source"), **around}
        )
    elif script.kind is ScriptKind.FILE:
        folder_given = {"source_directory": script.folder} if script.folder else {}
        yield _call("script = InferenceConfig", [repr(script.name)], {**folder_given, **around})
    else:
        yield "script = None"
    more = {"overwrite": True} if values.overwrite else {}
    yield _call("service = Model.deploy", ["ws", repr(values.service), "models", "script", "config"], more)


def _deploy_by_engine(values: FormValues, environment: str) -> Iterator[str]:
    yield "# Without a script, Azure ML SDK v1 takes one model and no environment."
    more: dict[str, Any] = {"config": _Code("config.to_core()" if is_documented(values) else "config")}
    if environment:
        more["environment"] = _Code(f"ws.engine.environments.get({values.environment!r}).record")
    if values.overwrite:
        more["overwrite"] = True
    yield _call("ws.engine.services.deploy", [repr(values.service), repr(list(values.models))], more)
    yield f"service = Webservice(ws, {values.service!r})"


class _Code(str):
    """Python code in the place of a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _call(head: str, positional: list[str], named: Mapping[str, Any]) -> str:
    parts = [*positional, *(f"{name}={value!r}" for name, value in named.items())]
    line = f"{head}({', '.join(parts)})"
    return line if len(line) <= 100 else f"{head}(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _imports(body: str) -> Iterator[str]:
    """The imports that the code needs."""
    if "mlmagic." in body:
        yield "import mlmagic"
    yield "import mlmagic.azureml  # provides the names below if azureml-core is not installed"
    for module, names in (
        ("azureml.core", ("Environment", "Workspace")),
        ("azureml.core.model", ("InferenceConfig", "Model")),
        ("azureml.core.webservice", (*sorted(_CLASSES.values()), "Webservice")),
        ("mlmagic.core.configuration", ("DeploymentConfig",)),
    ):
        used = [name for name in names if re.search(rf"\b{name}\b", body)]
        if used:
            yield f"from {module} import {', '.join(used)}"
