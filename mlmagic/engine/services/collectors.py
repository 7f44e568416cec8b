"""Where a service with ``enable_app_insights`` sends traces, log and metrics.

To an OpenTelemetry collector, or to the Application Insights resource of a connection string.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.notify import Notify
from mlmagic.engine.environments.runtime import Versions
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.scoring.telemetry.destination import (
    AZURE_MONITOR_PACKAGE,
    CONNECTION_STRING,
    PREFIX,
    InvalidDestination,
    endpoint_of,
    has_endpoint,
    sends_to_azure_monitor,
)
from mlmagic.targets.server_variables import telemetry_variables


def with_collector(config: DeploymentConfig, environ: Mapping[str, str]) -> DeploymentConfig:
    """``config``; of a service that sends traces and names no collector, with the one that ``environ`` names.

    OpenTelemetry's own variables name it, or that of a connection string, which a container would not have
    else.
    """
    given = config.environment_variables
    if not telemetry_variables(config) or has_endpoint(given) or given.get(CONNECTION_STRING):
        return config
    here = {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) or (name == CONNECTION_STRING and sends_to_azure_monitor(environ))
    }
    return replace(config, environment_variables={**here, **given})


def check_azure_monitor(config: DeploymentConfig, versions: Versions, notify: Notify) -> None:
    """Check that a service can send to the Application Insights resource that it names.

    Raises `InvalidConfig` for a connection string that is wrong, and `UsageError` if the exporter's package
    is missing.
    """
    variables = config.environment_variables
    if not telemetry_variables(config) or not sends_to_azure_monitor(variables):
        return
    try:
        endpoint_of(variables[CONNECTION_STRING])
    except InvalidDestination:
        raise InvalidConfig(
            CONNECTION_STRING,
            "...",  # it has a key in it
            "must be as the Azure portal shows it",
            hint="InstrumentationKey=...;IngestionEndpoint=https://...",
        ) from None
    version = versions([AZURE_MONITOR_PACKAGE]).get(AZURE_MONITOR_PACKAGE, "unknown")
    if version is None:
        raise UsageError(
            f"{CONNECTION_STRING} needs the package {AZURE_MONITOR_PACKAGE}, which the environment of the "
            "service does not have",
            hint="Install it here: pip install 'mlmagic[azure-monitor]'. Or add it to the environment.",
        )
    if version == "unknown":
        notify(
            f"{CONNECTION_STRING} needs the package {AZURE_MONITOR_PACKAGE} in the environment: "
            "without it nothing is sent, and the log says so."
        )
