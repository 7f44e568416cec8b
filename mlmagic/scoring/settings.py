"""The settings of azureml-inference-server-http: which of them this server honours.

Each setting is an environment variable and a row of `SETTINGS`. A setting without effect is named when a
service starts, and when it is deployed. `mlmagic.scoring.settings_file` reads settings from a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.telemetry.destination import (
    CONNECTION_STRING,
    ENABLED,
    ENDPOINT,
    has_endpoint,
    is_enabled,
    loopback_endpoints,
    sends_to_azure_monitor,
)

Kind = Literal["text", "integer", "switch"]

HEALTH_PORT = "HEALTH_PORT"
SEPARATE_HEALTH = "SEPERATE_HEALTH_ENDPOINT"
"""As it is spelt there."""
SETTINGS_FILE = "AZUREML_CONFIG_FILE"
DEBUG_PORT = "AZUREML_DEBUG_PORT"
DEFAULT_HEALTH_PORT = 5000
WORKERS = "WORKER_COUNT"
WORKER_VARIABLES = (WORKERS, "AZUREML_WORKER_COUNT")
MOST_WORKERS = 100
SERVER_VERSION = "SERVER_VERSION_LOG_RESPONSE_ENABLED"


class InvalidSetting(StartFailed):
    """A setting has a value that it cannot have."""

    phase = "settings"


def _is_true(value: str) -> bool:
    return value.lower() == "true"


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. ``reason`` says why it has no effect and what to use instead; empty if it is honoured."""

    name: str
    reason: str = ""
    asks: Callable[[str], bool] = bool
    """Whether a value asks for something that does not happen."""
    secret: bool = False
    kind: Kind | None = None
    """What a settings file may hold for it; None: it is no key of such a file."""

    def shown(self, value: str) -> str:
        """``NAME=value`` for a message; of a secret only the name."""
        return self.name if self.secret else f"{self.name}={value[:100]}"


_INSIGHTS = (
    "Application Insights takes a connection string. With AML_APP_INSIGHTS_ENABLED=true, requests and the "
    f"log go to the OpenTelemetry collector at {ENDPOINT}, or to the resource of {CONNECTION_STRING}"
)
_NOWHERE = (
    f"there is no {ENDPOINT}. Set it to the address of an OpenTelemetry collector, such as "
    f"http://collector:4318, or {CONNECTION_STRING} to that of an Application Insights resource. Without "
    "one, requests, errors and latencies are at GET /metrics, and what the "
    "script prints is in the log of the service"
)

SETTINGS = (
    Setting("AML_APP_ROOT", kind="text"),
    Setting("AZUREML_SOURCE_DIRECTORY", kind="text"),
    Setting("AZUREML_ENTRY_SCRIPT", kind="text"),
    Setting("AZUREML_MODEL_DIR", kind="text"),
    Setting("SERVICE_NAME", kind="text"),
    Setting("SERVICE_VERSION", kind="text"),
    Setting("SERVICE_PATH_PREFIX", kind="text"),
    Setting("SCORING_TIMEOUT_MS", kind="integer"),
    Setting("AML_CORS_ORIGINS", kind="text"),
    Setting("AML_MODEL_DC_STORAGE_ENABLED", kind="switch"),
    Setting(HEALTH_PORT),
    Setting(SEPARATE_HEALTH),
    Setting(SERVER_VERSION),
    Setting(WORKERS),
    Setting("AZUREML_WORKER_COUNT"),
    Setting(
        "WORKER_TIMEOUT", "no process is ended for a long call. Limit calls of run() with scoring_timeout_ms"
    ),
    Setting("WORKER_PRELOAD", "each process loads the script by itself, as some libraries need", _is_true),
    Setting("SERVER_PORT", "the port is the option port of the deployment"),
    Setting(ENABLED, kind="switch"),
    Setting("AML_APP_INSIGHTS_KEY", _INSIGHTS, secret=True, kind="text"),
    Setting("AML_APP_INSIGHTS_ENDPOINT", _INSIGHTS),
    Setting("APPINSIGHTS_INSTRUMENTATIONKEY", _INSIGHTS, secret=True),
    Setting("APP_INSIGHTS_LOG_RESPONSE_ENABLED", _INSIGHTS, _is_true, kind="switch"),
    Setting(
        "AZUREML_LOG_LEVEL",
        "the server has no level of its own. Set the levels of loggers in a logging.json beside the script",
        kind="text",
    ),
    Setting(SETTINGS_FILE),
    Setting(DEBUG_PORT, kind="integer"),
    Setting("AML_DBG_MODEL_INFO", "Azure ML has removed this feature"),
    Setting("AML_DBG_RESOURCE_INFO", "Azure ML has removed this feature"),
    # The server of Azure sets these itself, or passes them on to Application Insights.
    Setting("HOSTNAME", _INSIGHTS, lambda value: False, kind="text"),
    Setting("WORKSPACE_NAME", _INSIGHTS, lambda value: False, kind="text"),
    Setting("HTTP_X_MS_SERVER_VERSION", "the version is that of mlmagic", lambda value: False),
    Setting("TRANSPORT_PROTOCOL", "the server speaks HTTP", lambda value: False),
)

NOT_INHERITED = frozenset((
    HEALTH_PORT, SEPARATE_HEALTH, "SERVER_PORT", WORKERS, "WORKER_TIMEOUT", "WORKER_PRELOAD",
))  # fmt: skip
"""Names that other programs have, too: a service gets them from its deployment, not from its launcher."""


def without_effect(environment: Mapping[str, str], *, in_container: bool = False) -> list[str]:
    """One sentence for each reason why settings in ``environment`` have no effect.

    With ``in_container``, also what has none because the server runs in a container: a health port, and a
    collector at localhost. Raises `InvalidSetting` for a health port that is no port.
    """
    found: dict[str, list[str]] = {}
    for setting in SETTINGS:
        value = environment.get(setting.name, "").strip()
        if setting.reason and value and setting.asks(value):
            found.setdefault(setting.reason, []).append(setting.shown(value))
    has_destination = has_endpoint(environment) or sends_to_azure_monitor(environment)
    if is_enabled(environment) and not has_destination:
        found.setdefault(_NOWHERE, []).append(f"{ENABLED}=true")
    sentences = [
        f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no effect: {reason}."
        for reason, names in found.items()
    ]
    if in_container and is_enabled(environment) and (here := loopback_endpoints(environment)):
        sentences.append(
            f"{' and '.join(here)} cannot be reached from a container, as localhost is the container itself. "
            "Name an address that containers reach: that of this machine in its network for Docker, "
            "http://SERVICE.NAMESPACE:4318 of a collector in the Kubernetes cluster."
        )
    port = health_port(environment)
    if in_container and port is not None:
        sentences.append(
            f"The health port {port} answers inside the container only: the container publishes just the "
            "port of the service, where GET / answers health checks too."
        )
    return sentences


def health_port(environment: Mapping[str, str] = os.environ) -> int | None:
    """The other port that is to answer health checks; None if there is none. Raises `InvalidSetting`."""
    text = environment.get(HEALTH_PORT, "").strip()
    if not text:
        separate = _is_true(environment.get(SEPARATE_HEALTH, "").strip())
        return DEFAULT_HEALTH_PORT if separate else None
    return _port(HEALTH_PORT, text)


def workers(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes are to serve; 1 unless the environment says so. Raises `InvalidSetting`."""
    for name in WORKER_VARIABLES:
        text = environment.get(name, "").strip()
        if text:
            if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_WORKERS:
                raise InvalidSetting(
                    f"{name} is {text!r}: it must be a whole number from 1 to {MOST_WORKERS}"
                )
            return int(text)
    return 1


def debug_port(environment: Mapping[str, str] = os.environ) -> int | None:
    """The port of the debugger to wait for; None if there is none. Raises `InvalidSetting`."""
    text = environment.get(DEBUG_PORT, "").strip()
    return _port(DEBUG_PORT, text) if text else None


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise InvalidSetting(f"{name} is {text!r}: it must be a port from 1 to 65535")
    return int(text)


def shows_version(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether answers have the header x-ms-server-version."""
    return _is_true(environment.get(SERVER_VERSION, "true"))
