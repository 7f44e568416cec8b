"""The environment variables that pass a deployment's settings to its scoring server, on any target."""

from __future__ import annotations

import mlmagic.scoring.collection.settings as collection
import mlmagic.scoring.http.allowed_hosts as allowed_hosts
import mlmagic.scoring.http.cors as cors
import mlmagic.scoring.limits as limits
import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.telemetry.destination as telemetry
from mlmagic.core.collection import CollectionSettings
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import ServiceSpec


def server_variables(spec: ServiceSpec, *, collection_folder: str | None = None) -> dict[str, str]:
    """The variables of the server of a revision; ``collection_folder`` is the default store of its data."""
    named = {"SERVICE_NAME": spec.name, "SERVICE_VERSION": str(spec.revision)}
    collects = collection_variables(spec.config, default_store=collection_folder, model=spec.model)
    return variables_of(spec.config, **named, **collects)


def variables_of(config: DeploymentConfig, **first: str) -> dict[str, str]:
    """``first``, and the variables of a configuration.

    The user's ``environment_variables`` come last and override the others.
    """
    variables = {
        **collection_variables(config),
        **first,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        limits.TIMEOUT: str(config.scoring_timeout_ms),
        limits.WAIT: str(config.max_request_wait_time),
        limits.INIT: str(config.init_timeout_seconds),
    }
    if config.replica_max_concurrent_requests is not None:
        variables[limits.CONCURRENT] = str(config.replica_max_concurrent_requests)
    if config.batch_wait_ms is not None:
        variables[limits.BATCH_WAIT] = f"{config.batch_wait_ms:g}"
    if config.recorded_requests:
        variables[recorder.VARIABLE] = str(config.recorded_requests)
    if config.cors_origins:
        variables[cors.VARIABLE] = config.cors_origins
    if config.allowed_hosts:
        variables[allowed_hosts.VARIABLE] = config.allowed_hosts
    return {**variables, **telemetry_variables(config), **config.environment_variables}


def collection_variables(
    config: DeploymentConfig, *, default_store: str | None = None, model: str = ""
) -> dict[str, str]:
    """What turns data collection on; empty for a service that collects none, or has no store for it."""
    wanted = CollectionSettings.of(config.compute_settings)
    store = (wanted.store or default_store) if wanted is not None else None
    if wanted is None or not store:
        return {}
    return {
        collection.ENABLED: "true",
        collection.REQUESTS: "true",
        collection.STORAGE: store,
        collection.FORMAT: wanted.format,
        collection.SAMPLE_RATE: str(wanted.sample_rate),
        collection.REDACTED: wanted.redacted_columns,
        collection.REDACTION: wanted.redaction,
        **({collection.MODEL: model} if model else {}),
    }


def telemetry_variables(config: DeploymentConfig) -> dict[str, str]:
    """What turns traces on; empty for a service that sends none."""
    return {telemetry.ENABLED: "true"} if config.compute_settings.get("enable_app_insights") else {}
