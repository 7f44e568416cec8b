"""The settings of a service that people give on a line: in a notebook and in a shell they are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployment_rules import check
from mlmagic.core.deployments import EVERY, Argument, compute_of, given_of


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


_OF_PLACES = (
    "ssl_cname",
    "collect_model_data",
    "num_replicas",
    "autoscale_enabled",
    "autoscale_min_replicas",
    "autoscale_max_replicas",
    "autoscale_target_utilization",
)
PLACES: Mapping[str, Argument] = {f"--{name.replace('_', '-')}": EVERY[name] for name in _OF_PLACES}
"""By option: what only some places have, told at a deploy."""


def check_place(config: DeploymentConfig) -> None:
    """Raises `InvalidConfigs`, or `NotFound` for what the place of ``config`` does not have."""
    if config.compute_settings:
        compute, given = compute_of(config.target), given_of(config)[1]
        check(f"a service on {config.target}", compute, {**given, **config.compute_settings})


def option_of(field: str) -> str:
    """The option that sets a field of `DeploymentConfig`, or an argument that only some places have."""
    told = {each.field: each.option for each in (*NUMBERS, *LABELS, *FLAGS, *TEXTS)}
    return told.get(field) or next(option for option, each in PLACES.items() if each.name == field)


def attribute(option: str) -> str:
    """The name that a parsed option has in Python."""
    return option.lstrip("-").replace("-", "_")
