"""What a version of an endpoint is to serve, and what it has of the endpoint's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import ACCESS_FIELDS, DeploymentConfig, InferenceConfig
from mlmagic.core.endpoint import VERSION_LIMIT, VersionType
from mlmagic.core.names import ModelReference
from mlmagic.errors import InvalidConfig

MAX_VERSIONS = "MLMAGIC_MAX_VERSIONS"
_OWN_SETTINGS = ("version_name", "traffic_percentile", "gateway")
"""The settings that an endpoint has, and not its versions."""


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """What a version is to serve. None keeps what the endpoint's default version has."""

    models: Sequence[str | ModelReference] | None = None
    inference: InferenceConfig | None = None
    config: DeploymentConfig | None = None
    """The whole configuration of the version."""
    changes: Mapping[str, Any] | None = None
    """What differs from the configuration of the default version."""
    environment: Mapping[str, Any] | None = None
    nearest: bool = False

    @property
    def is_any(self) -> bool:
        """Whether it names anything."""
        given = (self.models, self.inference, self.environment, self.config, self.changes)
        return any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Marks:
    """A version's share of the requests, and what it is among the versions. None keeps what is."""

    traffic_percentile: float | None = None
    is_default: bool | None = None
    is_control: bool | None = None
    """Whether it is the control, and not a treatment."""
    shadow_percentile: float | None = None

    @property
    def given(self) -> dict[str, Any]:
        """As fields of `EndpointVersion`."""
        kinds = {True: str(VersionType.CONTROL), False: str(VersionType.TREATMENT), None: None}
        found = {
            "traffic_percentile": self.traffic_percentile,
            "is_default": self.is_default,
            "version_type": kinds[self.is_control],
            "shadow_percentile": self.shadow_percentile,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def words(self) -> str:
        """What they say, for an event."""
        parts = []
        if self.traffic_percentile is not None:
            parts.append(f"{self.traffic_percentile:g} % of the requests")
        if self.shadow_percentile is not None:
            parts.append(f"copies of {self.shadow_percentile:g} % of the requests")
        if self.is_default:
            parts.append("the default version")
        if self.is_control is not None:
            parts.append("the control" if self.is_control else "a treatment")
        return ", ".join(parts)


NO_MARKS = Marks()


def config_of_version(config: DeploymentConfig) -> DeploymentConfig:
    """The configuration of a version, of that of its endpoint: access is the endpoint's.

    Where the endpoint needs a credential, the version has keys of its own, which only the router knows.
    """
    kept = {name: value for name, value in config.compute_settings.items() if name not in _OWN_SETTINGS}
    is_endpoint = config.compute_type.lower() == ComputeType.AKS_ENDPOINT
    return replace(
        config,
        port=None,
        auth_enabled=config.guarded,
        token_auth_enabled=False,
        primary_key=None,
        secondary_key=None,
        ssl_cert_pem_file=None,
        ssl_key_pem_file=None,
        cors_origins="",
        allowed_hosts="",
        compute_type=str(ComputeType.AKS) if is_endpoint else config.compute_type,
        compute_settings=kept,
    )


def config_for(current: DeploymentConfig, wanted: VersionRequest) -> DeploymentConfig:
    """The configuration of a version that is like ``current`` where ``wanted`` does not say otherwise.

    Its target and its access stay: they are the endpoint's.
    """
    config = current
    if wanted.config is not None:
        kept = {name: getattr(current, name) for name in ("target", "compute_type", *ACCESS_FIELDS)}
        config = replace(config_of_version(wanted.config), **kept)
    return replace(config, **(wanted.changes or {}))


def changes_for(current: DeploymentConfig, wanted: VersionRequest) -> dict[str, Any]:
    """What `config_for` changes of ``current``, by field; what is named counts, even if it is the same."""
    after = config_for(current, wanted)
    differs = {
        each.name for each in fields(after) if getattr(after, each.name) != getattr(current, each.name)
    }
    return {name: getattr(after, name) for name in differs | set(wanted.changes or ())}


def version_limit() -> int:
    """How many versions an endpoint may have. Raises `InvalidConfig` for a bad MLMAGIC_MAX_VERSIONS."""
    text = os.environ.get(MAX_VERSIONS, "").strip()
    if not text:
        return VERSION_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100):
        raise InvalidConfig(MAX_VERSIONS, text, "must be a whole number from 1 to 100")
    return int(text)
