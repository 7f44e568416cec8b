"""The settings of a service that people give on a line: in a notebook and in a shell they are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlmagic.core.configuration import DeploymentConfig


@dataclass(frozen=True, slots=True)
class NumberSetting:
    """``--option NUMBER`` for one field of `DeploymentConfig`."""

    option: str
    field: str
    convert: Callable[[str], float]
    help: str
    aliases: tuple[str, ...] = ()
    """What the documents' command line calls it."""


@dataclass(frozen=True, slots=True)
class TextSetting:
    """``--option TEXT``; an empty text takes back what was set."""

    option: str
    field: str
    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class FlagSetting:
    """``--option``, or ``--no-option``."""

    option: str
    field: str
    help: str

    @property
    def opposite(self) -> str:
        return f"--no-{self.option[2:]}"


@dataclass(frozen=True, slots=True)
class LabelSetting:
    """``--option KEY=VALUE``, as often as wanted."""

    option: str
    field: str
    help: str


_DEFAULTS = DeploymentConfig()

NUMBERS = (
    NumberSetting("--cpu", "cpu", float, f"Cores (default {_DEFAULTS.cpu}).", ("--cc",)),
    NumberSetting(
        "--memory", "memory_gb", float, f"Gigabytes (default {_DEFAULTS.memory_gb}).", ("--memory-gb", "--gb")
    ),
    NumberSetting("--port", "port", int, "Port to listen on (default: a free one)."),
    NumberSetting(
        "--scoring-timeout-ms",
        "scoring_timeout_ms",
        int,
        f"How long run() may take (default {_DEFAULTS.scoring_timeout_ms}).",
    ),
    NumberSetting(
        "--max-request-wait-time",
        "max_request_wait_time",
        int,
        f"Milliseconds a request may wait for its turn (default {_DEFAULTS.max_request_wait_time}).",
    ),
    NumberSetting(
        "--replica-max-concurrent-requests",
        "replica_max_concurrent_requests",
        int,
        "Calls of run() at a time (default 1; any number for an async run()).",
    ),
    NumberSetting(
        "--record",
        "recorded_requests",
        int,
        "Keep the bodies of the last so many requests, for %%traffic, %%profile and %%parity (default 0).",
    ),
)
LABELS = (
    LabelSetting("--env", "environment_variables", "An environment variable."),
    LabelSetting("--tag", "tags", "A tag."),
    LabelSetting("--property", "properties", "A property."),
)
FLAGS = (
    FlagSetting("--batch", "batch", "Call run() once for all requests that have arrived."),
    FlagSetting("--live", "live", "Take on its %%score_script cell each time that is run again."),
    FlagSetting("--auth", "auth_enabled", "Ask callers for one of the service's two keys."),
    FlagSetting("--token-auth", "token_auth_enabled", "Ask callers for a token, which lasts an hour."),
)
TEXTS = (
    TextSetting("--ssl-cert", "ssl_cert_pem_file", "FILE", "Certificate (PEM): the service speaks HTTPS."),
    TextSetting("--ssl-key", "ssl_key_pem_file", "FILE", "The key of that certificate (PEM)."),
    TextSetting(
        "--cors-origins", "cors_origins", "ORIGINS", "Web pages that may call it: origins with commas, or *."
    ),
    TextSetting("--description", "description", "TEXT", "What it is."),
)


def attribute(option: str) -> str:
    """The name that a parsed option has in Python."""
    return option.lstrip("-").replace("-", "_")
