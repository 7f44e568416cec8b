"""What a deploy form says, as a frozen value, and the configuration that it becomes.

Settings go by the documents' argument names (`mlmagic.core.deployments`), whatever the place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig
from mlmagic.core.deployments import ARGUMENTS, Argument, ComputeType, compute_of, deployment
from mlmagic.core.model import parse_labels
from mlmagic.errors import InvalidConfig

BASIC = (
    "cpu_cores",
    "memory_gb",
    "num_replicas",
    "autoscale_enabled",
    "autoscale_min_replicas",
    "autoscale_max_replicas",
    "autoscale_target_utilization",
    "auth_enabled",
    "token_auth_enabled",
    "batch",
    "live",
    "description",
)
ADVANCED = (
    "port",
    "ssl_cert_pem_file",
    "ssl_key_pem_file",
    "ssl_cname",
    "cors_origins",
    "collect_model_data",
    "environment_variables",
    "tags",
    "properties",
    "scoring_timeout_ms",
    "max_request_wait_time",
    "replica_max_concurrent_requests",
    "recorded_requests",
)
"""The settings that a form offers, where the place has them; advanced ones out of sight at first."""
CERTIFICATE = ("ssl_cert_pem_file", "ssl_key_pem_file")


class ScriptKind(StrEnum):
    """Where a script comes from."""

    CAPTURED = "captured"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Script:
    """What is served: a captured script by its name, a file in a folder, or the models as they are."""

    kind: ScriptKind = ScriptKind.NONE
    name: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class FormValues:
    """A form as it stands; nothing of it is checked yet."""

    service: str = ""
    models: tuple[str, ...] = ()
    """As ``name:version``."""
    script: Script = Script()
    environment: str = ""
    """As ``name:version``; empty for what this process has."""
    nearest_python: bool = False
    target: str = DEFAULT_TARGET
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By argument, as `read_setting` gives them. What the place does not have is passed over."""
    overwrite: bool = False

    @property
    def compute(self) -> ComputeType:
        """The documents' name for the place."""
        return compute_of(self.target)

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of ``deploy_configuration()``: those that the place has, and that must be named."""
        shown = offered(self.target)
        given = {
            name: self.settings[name]
            for name, argument in shown.items()
            if name in self.settings and argument.must_be_named(self.settings[name])
        }
        if any(name in given for name in CERTIFICATE):
            given["ssl_enabled"] = True
        return given

    @property
    def config(self) -> DeploymentConfig:
        """As `%deploy` has it; raises `InvalidConfig` where there are problems."""
        return replace(deployment(self.compute, self.given), target=self.target, compute_type="")


def offered(target: str) -> dict[str, Argument]:
    """The settings that a form shows for a target, by name: those of the documents' table for it."""
    there = {argument.name: argument for argument in ARGUMENTS[compute_of(target)]}
    return {name: there[name] for name in (*BASIC, *ADVANCED) if name in there}


def read_setting(argument: Argument, raw: Any) -> Any:
    """What was typed or ticked as the argument's kind; None for nothing.

    What cannot be read stays as it is, for the argument's own rule to name it.
    """
    if argument.kind is bool:
        return raw if raw or argument.default else None
    if not isinstance(raw, str):
        return raw
    text = raw.strip()
    if not text:
        return None
    if argument.name in CERTIFICATE:
        return os.path.abspath(os.path.expanduser(text))
    try:
        if argument.kind is dict:
            return parse_labels(argument.name, lines_of(raw))
        return argument.kind(text)
    except (ValueError, InvalidConfig):
        return raw


def lines_of(text: str) -> list[str]:
    """The lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]
