"""The environment variables that pass a deployment's settings to its scoring server, on any target."""

from __future__ import annotations

import mlmagic.scoring.http.allowed_hosts as allowed_hosts
import mlmagic.scoring.http.cors as cors
import mlmagic.scoring.limits as limits
import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.telemetry.destination as telemetry
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import ServiceSpec


def server_variables(spec: ServiceSpec) -> dict[str, str]:
    """The variables of the server of a revision."""
    return variables_of(spec.config, SERVICE_NAME=spec.name, SERVICE_VERSION=str(spec.revision))


def variables_of(config: DeploymentConfig, **first: str) -> dict[str, str]:
    """``first``, and the variables of a configuration.

    The user's ``environment_variables`` come last and override the others.
    """
    variables = {
        **first,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        limits.TIMEOUT: str(config.scoring_timeout_ms),
        limits.WAIT: str(config.max_request_wait_time),
        limits.INIT: str(config.init_timeout_seconds),
    }
    if config.replica_max_concurrent_requests is not None:
        variables[limits.CONCURRENT] = str(config.replica_max_concurrent_requests)
    if config.recorded_requests:
        variables[recorder.VARIABLE] = str(config.recorded_requests)
    if config.cors_origins:
        variables[cors.VARIABLE] = config.cors_origins
    if config.allowed_hosts:
        variables[allowed_hosts.VARIABLE] = config.allowed_hosts
    return {**variables, **telemetry_variables(config), **config.environment_variables}


def telemetry_variables(config: DeploymentConfig) -> dict[str, str]:
    """What turns traces on; empty for a service that sends none."""
    return {telemetry.ENABLED: "true"} if config.compute_settings.get("enable_app_insights") else {}
