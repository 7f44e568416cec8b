"""What is wrong with a form, beside which field: pure rules, over those that a deploy has itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig, check_origins
from mlmagic.core.deployment_rules import check
from mlmagic.core.model import parse_labels
from mlmagic.core.names import check_service_name
from mlmagic.core.webservice import State
from mlmagic.errors import InvalidConfig, InvalidConfigs, MLMagicError
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind, lines_of, offered

SERVICE, MODELS, SCRIPT, ENVIRONMENT, TARGET = "service", "models", "script", "environment", "target"
_UNDER_WAY = (State.TRANSITIONING, State.UNSCHEDULABLE)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to choose from, and what is taken already."""

    models: tuple[str, ...] = ()
    """Each version as ``name:version``, the newest of a name first."""
    scripts: tuple[str, ...] = ()
    """The captured ones, the last one last."""
    environments: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)
    """By name: why services cannot run there now; empty if they can."""
    services: Mapping[str, State] = field(default_factory=dict)
    """Those whose names are taken."""
    recorded: tuple[str, ...] = ()
    """The services that keep what they are asked."""
    is_file: Callable[[str], bool] = os.path.isfile
    is_folder: Callable[[str], bool] = os.path.isdir


def problems(values: FormValues, there: Surroundings) -> dict[str, str]:
    """By field, in words, what a deploy would refuse; empty if it would not.

    Fields are those of `FormValues`, and arguments by name.
    """
    found = {
        SERVICE: _of_service(values, there),
        MODELS: _of_models(values, there),
        SCRIPT: _of_script(values.script, there),
        ENVIRONMENT: _missing("environment", values.environment, there.environments),
        TARGET: there.targets.get(values.target, f"There is no target {values.target!r}."),
        **_of_settings(values, there.is_file),
    }
    return {name: words for name, words in found.items() if words}


def is_taken(service: str, there: Surroundings) -> bool:
    """Whether a deploy of that name would have to take another's place."""
    return service in there.services


def _of_service(values: FormValues, there: Surroundings) -> str:
    name = values.service
    if not name:
        return "Name the service, for example my-service."
    try:
        check_service_name(name)
    except InvalidConfig as error:
        return str(error)
    if not is_taken(name, there):
        return ""
    state = there.services[name]
    if not values.overwrite:
        return f"{name!r} exists already, and is {state}. Choose another name, or replace it."
    return f"{name!r} is {state}: wait for it, or delete it." if state in _UNDER_WAY else ""


def _of_models(values: FormValues, there: Surroundings) -> str:
    if not values.models and values.script.kind is ScriptKind.NONE:
        return "Without a script, there must be a model to serve."
    return next(filter(None, (_missing("model", model, there.models) for model in values.models)), "")


def _of_script(script: Script, there: Surroundings) -> str:
    if script.kind is ScriptKind.CAPTURED:
        return _missing("captured script", script.name, there.scripts)
    if script.kind is ScriptKind.NONE:
        return ""
    if not script.name:
        return "Name the file, for example score.py."
    try:
        InferenceConfig(script.name)
    except InvalidConfig as error:
        return str(error)
    folder = Path(script.folder).expanduser()
    if script.folder and not there.is_folder(str(folder)):
        return f"There is no folder {script.folder!r}."
    path = folder / Path(script.name).expanduser()
    return "" if there.is_file(str(path)) else f"There is no file {str(path)!r}; here is {os.getcwd()}."


def _missing(kind: str, name: str, known: tuple[str, ...]) -> str:
    return f"There is no {kind} {name!r} any more." if name and name not in known else ""


def _of_settings(values: FormValues, is_file: Callable[[str], bool]) -> dict[str, str]:
    given, shown = values.given, offered(values.target)
    found: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, str) and name in shown and shown[name].kind is dict:
            found[name] = _words(partial(parse_labels, name, lines_of(value)))
    found["cors_origins"] = _words(lambda: check_origins(given.get("cors_origins", "")))
    try:
        check(f"a service on {values.target}", values.compute, given, is_file=is_file)
    except InvalidConfigs as error:
        for violation in error.violations:
            place = _beside(violation.field, given, shown)
            found[place] = found.get(place) or str(violation)
    return found


def _words(rule: Callable[[], Any]) -> str:
    try:
        rule()
    except MLMagicError as error:
        return str(error)
    return ""


def _beside(argument: str, given: Mapping[str, Any], shown: Mapping[str, Any]) -> str:
    """The field that a violation is shown at: for certificates, the first that is missing."""
    if argument != "ssl_enabled":
        return argument
    files = ("ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname")
    return next(name for name in files if name in shown and name not in given)
