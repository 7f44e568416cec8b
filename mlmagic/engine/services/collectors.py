"""Where a service with ``enable_app_insights`` sends traces and log: to an OpenTelemetry collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.scoring.telemetry.destination import PREFIX, has_endpoint
from mlmagic.targets.server_variables import telemetry_variables


def with_collector(config: DeploymentConfig, environ: Mapping[str, str]) -> DeploymentConfig:
    """``config``; of a service that sends traces and names no collector, with the one that ``environ`` names.

    OpenTelemetry's own variables name it, which a container would not have else.
    """
    if not telemetry_variables(config) or has_endpoint(config.environment_variables):
        return config
    here = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    return replace(config, environment_variables={**here, **config.environment_variables})
