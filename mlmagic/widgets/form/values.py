"""The content of a deploy form as a frozen value, and the configuration that it becomes.

Settings have the names of their arguments (`mlmagic.core.arguments`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mlmagic.core.arguments import CERTIFICATE, TABLE, Argument, ComputeType, arguments_of
from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig
from mlmagic.core.deployments import deployment, must_be_named
from mlmagic.core.model import parse_labels
from mlmagic.errors import InvalidConfig

SETTINGS = {row.name: row for row in TABLE if row.label}
"""The rows that are fields of a form."""


class ScriptKind(StrEnum):
    """The source of a script."""

    CAPTURED = "captured"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Script:
    """The script to serve: a captured one by its name, a file in a folder, or none."""

    kind: ScriptKind = ScriptKind.NONE
    name: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class FormValues:
    """The content of a form, not checked yet."""

    service: str = ""
    models: tuple[str, ...] = ()
    """As ``name:version``."""
    script: Script = Script()
    environment: str = ""
    """As ``name:version``; empty for this process's own packages."""
    nearest: bool = False
    target: str = DEFAULT_TARGET
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By argument, as `read_setting` returns them. Those that the target does not take are ignored."""
    overwrite: bool = False

    @property
    def compute(self) -> ComputeType:
        """The compute type of the target."""
        return ComputeType.of_target(self.target)

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of ``deploy_configuration()`` that differ from their defaults."""
        shown = offered(self.target)
        given = {
            name: self.settings[name]
            for name, argument in shown.items()
            if name in self.settings and must_be_named(argument, self.settings[name])
        }
        if any(name in given for name in CERTIFICATE):
            given["ssl_enabled"] = True
        if self.environment:  # named in any case: the SDK and the command line have another default
            given["nearest"] = self.nearest
        return given

    @property
    def config(self) -> DeploymentConfig:
        """The configuration that `%deploy` would make. Raises `InvalidConfig` if there are problems."""
        return replace(deployment(self.compute, self.given), target=self.target, compute_type="")


def offered(target: str) -> dict[str, Argument]:
    """The settings that a form shows for a target, by name."""
    there = arguments_of(ComputeType.of_target(target))
    return {name: there[name] for name in SETTINGS if name in there}


def read_setting(argument: Argument, raw: Any) -> Any:
    """The input of a field as a value of the argument's kind; None if it is empty.

    Input that cannot be read is returned as it is: the argument's rule reports it.
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
        return argument.kind(text) if not argument.units else argument.read(text)
    except (ValueError, InvalidConfig):
        return raw


def lines_of(text: str) -> list[str]:
    """The lines that are not empty."""
    return [line.strip() for line in text.splitlines() if line.strip()]
