"""The environment variables of azureml-inference-server-http: which of them this server honours.

Each setting is a row of `SETTINGS`. A setting without effect is named when a service starts, and when it is
deployed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmagic.scoring.start_errors import StartFailed

HEALTH_PORT = "HEALTH_PORT"
SEPARATE_HEALTH = "SEPERATE_HEALTH_ENDPOINT"
"""As it is spelt there."""
CONFIG_FILE = "config.json"
DEFAULT_HEALTH_PORT = 5000
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


_WORKERS = (
    "one process serves the port. For concurrent calls of run() set replica_max_concurrent_requests, or "
    "num_replicas on a target that has replicas"
)
_INSIGHTS = (
    "Application Insights needs Azure. Requests, errors and latencies are at GET /metrics, and what the "
    "script prints is in the log of the service"
)

SETTINGS = (
    Setting("AML_APP_ROOT"),
    Setting("AZUREML_SOURCE_DIRECTORY"),
    Setting("AZUREML_ENTRY_SCRIPT"),
    Setting("AZUREML_MODEL_DIR"),
    Setting("SERVICE_NAME"),
    Setting("SERVICE_VERSION"),
    Setting("SERVICE_PATH_PREFIX"),
    Setting("SCORING_TIMEOUT_MS"),
    Setting("AML_CORS_ORIGINS"),
    Setting("AML_MODEL_DC_STORAGE_ENABLED"),
    Setting(HEALTH_PORT),
    Setting(SEPARATE_HEALTH),
    Setting(SERVER_VERSION),
    Setting("WORKER_COUNT", _WORKERS, lambda value: value != "1"),
    Setting("AZUREML_WORKER_COUNT", _WORKERS, lambda value: value != "1"),
    Setting(
        "WORKER_TIMEOUT", "no process is ended for a long call. Limit calls of run() with scoring_timeout_ms"
    ),
    Setting("WORKER_PRELOAD", "the one process of a service loads the script once", _is_true),
    Setting("SERVER_PORT", "the port is the option port of the deployment"),
    Setting("AML_APP_INSIGHTS_ENABLED", _INSIGHTS, _is_true),
    Setting("AML_APP_INSIGHTS_KEY", _INSIGHTS, secret=True),
    Setting("AML_APP_INSIGHTS_ENDPOINT", _INSIGHTS),
    Setting("APPINSIGHTS_INSTRUMENTATIONKEY", _INSIGHTS, secret=True),
    Setting("APP_INSIGHTS_LOG_RESPONSE_ENABLED", _INSIGHTS, _is_true),
    Setting(
        "AZUREML_LOG_LEVEL",
        "the server has no level of its own. Set the levels of loggers in a logging.json beside the script",
    ),
    Setting(
        "AZUREML_CONFIG_FILE", "settings are environment variables. Set its keys in environment_variables"
    ),
    Setting(
        "AZUREML_DEBUG_PORT",
        "no debugger is attached. Call debugpy.connect(...) in init(), or call run() in a notebook",
    ),
    Setting("AML_DBG_MODEL_INFO", "Azure ML has removed this feature"),
    Setting("AML_DBG_RESOURCE_INFO", "Azure ML has removed this feature"),
    # The server of Azure sets these itself, or passes them on to Application Insights.
    Setting("HOSTNAME", _INSIGHTS, lambda value: False),
    Setting("WORKSPACE_NAME", _INSIGHTS, lambda value: False),
    Setting("HTTP_X_MS_SERVER_VERSION", "the version is that of mlmagic", lambda value: False),
    Setting("TRANSPORT_PROTOCOL", "the server speaks HTTP", lambda value: False),
)

NOT_INHERITED = frozenset((
    HEALTH_PORT, SEPARATE_HEALTH, "SERVER_PORT", "WORKER_COUNT", "WORKER_TIMEOUT", "WORKER_PRELOAD",
))  # fmt: skip
"""Names that other programs have, too: a service gets them from its deployment, not from its launcher."""


def without_effect(environment: Mapping[str, str]) -> list[str]:
    """One sentence for each reason why settings in ``environment`` have no effect."""
    found: dict[str, list[str]] = {}
    for setting in SETTINGS:
        value = environment.get(setting.name, "").strip()
        if setting.reason and value and setting.asks(value):
            shown = setting.name if setting.secret else f"{setting.name}={value[:100]}"
            found.setdefault(setting.reason, []).append(shown)
    return [
        f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no effect: {reason}."
        for reason, names in found.items()
    ]


def settings_file(folder: Path) -> list[str]:
    """The same for a config.json beside the script, which that server reads its settings from."""
    try:
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = [each.name for each in SETTINGS if isinstance(values, dict) and each.name in values]
    if not names:
        return []
    sets = f"{CONFIG_FILE} sets {' and '.join(names)}, which"
    return [f"{sets} has no effect: settings are environment variables. Set them in environment_variables."]


def health_port(environment: Mapping[str, str] = os.environ) -> int | None:
    """The other port that is to answer health checks; None if there is none. Raises `InvalidSetting`."""
    text = environment.get(HEALTH_PORT, "").strip()
    if not text:
        separate = _is_true(environment.get(SEPARATE_HEALTH, "").strip())
        return DEFAULT_HEALTH_PORT if separate else None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise InvalidSetting(f"{HEALTH_PORT} is {text!r}: it must be a port from 1 to 65535")
    return int(text)


def shows_version(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether answers have the header x-ms-server-version."""
    return _is_true(environment.get(SERVER_VERSION, "true"))
