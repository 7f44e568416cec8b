"""Which compute targets run Azure ML v1's compute types here: ``{"aci": "local", "aks": "docker"}``.

Without a mapping aci is a container and aks a Kubernetes cluster. With one, notebooks that deploy to aci or
aks run unchanged on a machine that has neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.errors import InvalidConfig, NotFound

VARIABLE = "MLMAGIC_COMPUTE"
TRAIT = "MLMagic.compute"
EXAMPLE = '{"aci": "local", "aks": "docker"}'


@dataclass(frozen=True, slots=True)
class Placement:
    """The compute target for a compute type, and the setting that names it."""

    target: str
    setting: str


ComputeMapping = Mapping[ComputeType, Placement]


def parse_mapping(given: Any, setting: str, targets: Iterable[str]) -> ComputeMapping:
    """Read a mapping of ``setting``: a dict, or its text as JSON or as ``aci=local,aks=docker``.

    ``targets`` are the names of the installed targets. Raises `InvalidConfig`, or `NotFound` with the
    nearest name.
    """
    known = tuple(targets)
    return {
        _compute_type(key, setting): Placement(_target(key, value, setting, known), setting)
        for key, value in _pairs(given, setting).items()
    }


def placement(compute: ComputeType, mappings: Iterable[ComputeMapping]) -> Placement | None:
    """The placement of a compute type by the first mapping that has it. An endpoint goes where aks goes."""
    keys = (compute, ComputeType.AKS) if compute is ComputeType.AKS_ENDPOINT else (compute,)
    return next((mapping[key] for mapping in mappings for key in keys if key in mapping), None)


def _pairs(given: Any, setting: str) -> Mapping[Any, Any]:
    if isinstance(given, Mapping):
        return given
    text = str(given).strip()
    if isinstance(given, str) and not text.startswith(("{", "[")):
        parts = [part.partition("=") for part in text.split(",") if part.strip()]
        if all(equals for _, equals, _ in parts):
            return {key.strip(): value.strip() for key, _, value in parts}
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidConfig(
            setting,
            given,
            "must map compute types to targets",
            hint=f"For example {EXAMPLE}, or as text: aci=local,aks=docker",
        )
    return read


def _compute_type(key: Any, setting: str) -> ComputeType:
    name = str(key).lower()
    if name not in set(ComputeType):
        raise NotFound(f"compute type of {setting}", str(key), [each.value for each in ComputeType])
    return ComputeType(name)


def _target(key: Any, value: Any, setting: str, known: tuple[str, ...]) -> str:
    if value in known:
        return str(value)
    name, colon, _ = str(value).partition(":")
    if name == ComputeType.AKS.target and name not in known:
        raise InvalidConfig(
            f"{setting} of {key}",
            value,
            f"needs the target {name!r}, which is not installed",
            hint=f"Use {' or '.join(known)}.",
        )
    if colon and name in known and name == ComputeType.AKS.target:
        return str(value)
    if colon and name in known:
        raise InvalidConfig(
            f"{setting} of {key}", value, f"has a context, and {name!r} has none", hint=f"Write {name!r}."
        )
    raise NotFound(f"target of {setting}", str(value), known)
