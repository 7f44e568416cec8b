"""The problems of a form, by field: pure functions over the rules of a deploy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig, check_origins
from mlmagic.core.deployments import check
from mlmagic.core.model import parse_labels
from mlmagic.core.names import check_service_name
from mlmagic.core.profile import Goal, ProfilePlan, parse_milliseconds, parse_rate
from mlmagic.core.webservice import State
from mlmagic.errors import InvalidConfig, InvalidConfigs, MLMagicError
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind, lines_of, offered

SERVICE, MODELS, SCRIPT, ENVIRONMENT, TARGET = "service", "models", "script", "environment", "target"


@dataclass(frozen=True, slots=True)
class Available:
    """The models, scripts, environments and targets to choose from, and the names in use."""

    models: tuple[str, ...] = ()
    """Each version as ``name:version``, the newest of a name first."""
    scripts: tuple[str, ...] = ()
    """The captured scripts, in the order of capture."""
    environments: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)
    """By name: the reason why a target cannot be used now; empty if it can."""
    services: Mapping[str, State] = field(default_factory=dict)
    """The services by name, and their states."""
    recorded: tuple[str, ...] = ()
    """The services that record requests."""
    sampled: frozenset[str] = frozenset()
    """The models that have a sample input."""
    cores: int = 0
    """The CPU cores of this machine; 0 if they are not known."""
    memory_gb: float = 0.0
    """Its memory in gigabytes; 0 if it is not known."""
    targets_here: frozenset[str] = frozenset()
    """The targets whose services run on this machine."""
    is_file: Callable[[str], bool] = os.path.isfile
    is_folder: Callable[[str], bool] = os.path.isdir
    not_a_dataset: Callable[[str], str] = lambda text: ""
    """Why the notebook has no dataset that a text names; empty if it may have."""


@dataclass(frozen=True, slots=True)
class ProfileWish:
    """The input for a profile; empty texts are not given."""

    dataset: str = ""
    recorded_by: str = ""
    """The service whose recorded requests are sent, instead of a dataset."""
    p99: str = ""
    rps: str = ""


def problems(values: FormValues, available: Available) -> dict[str, str]:
    """By field, why a deploy would fail; empty if it would not.

    The fields are those of `FormValues`, and arguments by name.
    """
    found = {
        SERVICE: _of_service(values, available),
        MODELS: _of_models(values, available),
        SCRIPT: _of_script(values.script, available),
        ENVIRONMENT: _missing("environment", values.environment, available.environments),
        TARGET: available.targets.get(values.target, f"Target not found: {values.target!r}."),
        **_of_settings(values, available.is_file),
    }
    return {name: problem for name, problem in found.items() if problem}


def profile_problems(wish: ProfileWish, models: tuple[str, ...], available: Available) -> dict[str, str]:
    """By field, why a profile would not begin: ``dataset``, ``recorded_by``, ``p99`` and ``rps``."""
    found = {
        "recorded_by": _missing("recording of", wish.recorded_by, available.recorded),
        "dataset": "" if wish.recorded_by else _of_dataset(wish.dataset.strip(), models, available),
        "p99": _problem(lambda: _goal(parse_milliseconds("p99", wish.p99.strip() or None))),
        "rps": _problem(lambda: parse_rate("rps", wish.rps.strip() or None)),
    }
    return {name: problem for name, problem in found.items() if problem}


def remarks(values: FormValues, available: Available) -> dict[str, str]:
    """By field, what a deploy accepts and this machine does not have."""
    if values.target not in available.targets_here:
        return {}
    found = {}
    cores, memory_gb = values.given.get("cpu_cores"), values.given.get("memory_gb")
    if isinstance(cores, int | float) and available.cores and cores > available.cores:
        found["cpu_cores"] = f"This machine has {available.cores:g} cores."
    if isinstance(memory_gb, int | float) and available.memory_gb and memory_gb > available.memory_gb:
        found["memory_gb"] = f"This machine has {available.memory_gb:.3g} GB of memory."
    return found


def _goal(latency_ms: float | None) -> ProfilePlan:
    """A plan with this goal; raises `InvalidConfigs` if a profile would not take it."""
    return ProfilePlan("goal", (1.0,), (1.0,), goal=Goal(latency_ms))


def _of_dataset(dataset: str, models: tuple[str, ...], available: Available) -> str:
    if dataset:
        return available.not_a_dataset(dataset)
    if available.sampled.isdisjoint(models):
        return "Name the requests to send: a variable, an expression or a file. These models have no sample."
    return ""


def is_taken(service: str, available: Available) -> bool:
    """Whether a service of that name exists."""
    return service in available.services


def _of_service(values: FormValues, available: Available) -> str:
    name = values.service
    if not name:
        return "Name the service, for example my-service."
    try:
        check_service_name(name)
    except InvalidConfig as error:
        return str(error)
    if values.overwrite or not is_taken(name, available):
        return ""
    state = available.services[name]
    return f"A service {name!r} exists and is {state}. Choose another name, or replace it."


def _of_models(values: FormValues, available: Available) -> str:
    if not values.models and values.script.kind is ScriptKind.NONE:
        return "Choose a model or a script."
    return next(filter(None, (_missing("model", model, available.models) for model in values.models)), "")


def _of_script(script: Script, available: Available) -> str:
    if script.kind is ScriptKind.CAPTURED:
        return _missing("captured script", script.name, available.scripts)
    if script.kind is ScriptKind.NONE:
        return ""
    if not script.name:
        return "Name the file, for example score.py."
    try:
        InferenceConfig(script.name)
    except InvalidConfig as error:
        return str(error)
    folder = Path(script.folder).expanduser()
    if script.folder and not available.is_folder(str(folder)):
        return f"Folder not found: {script.folder!r}."
    path = folder / Path(script.name).expanduser()
    return (
        ""
        if available.is_file(str(path))
        else f"File not found: {str(path)!r}. The working folder is {os.getcwd()}."
    )


def _missing(kind: str, name: str, known: tuple[str, ...]) -> str:
    return f"The {kind} {name!r} does not exist any more." if name and name not in known else ""


def _of_settings(values: FormValues, is_file: Callable[[str], bool]) -> dict[str, str]:
    given, shown = values.given, offered(values.target)
    found: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, str) and name in shown and shown[name].kind is dict:
            found[name] = _problem(partial(parse_labels, name, lines_of(value)))
    found["cors_origins"] = _problem(lambda: check_origins(given.get("cors_origins", "")))
    try:
        check(f"a service on {values.target}", values.compute, given, is_file=is_file)
    except InvalidConfigs as error:
        for violation in error.violations:
            place = _beside(violation.field, given, shown)
            found[place] = found.get(place) or str(violation)
    return found


def _problem(rule: Callable[[], Any]) -> str:
    try:
        rule()
    except MLMagicError as error:
        return str(error)
    return ""


def _beside(argument: str, given: Mapping[str, Any], shown: Mapping[str, Any]) -> str:
    """The field beside which a violation is shown: for a certificate, the first that is missing."""
    if argument != "ssl_enabled":
        return argument
    files = ("ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname")
    return next(name for name in files if name in shown and name not in given)
