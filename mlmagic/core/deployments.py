"""The documents' deployment configurations: what each compute type takes, its defaults and its rules.

One table serves the SDK's ``deploy_configuration()``, deploymentconfig.json, its JSON Schema and the command
line. Source: AciWebservice, AksWebservice, AksEndpoint and LocalWebservice of azureml-core 1.61, and the
schemas of deploymentconfig.json in the documents. A service on this machine or in a container takes more here
than the documents' arguments: whatever the scoring server can do. The rules over several arguments:
`mlmagic.core.deployment_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlmagic.core.configuration import (
    DEFAULT_CPU,
    DEFAULT_MEMORY_GB,
    DEFAULT_REQUEST_WAIT_MS,
    DEFAULT_SCORING_TIMEOUT_MS,
    MOST_RECORDED_REQUESTS,
    DeploymentConfig,
)
from mlmagic.errors import InvalidConfig


class ComputeType(StrEnum):
    """The kinds of place, as deploymentconfig.json names them."""

    LOCAL = "local"
    ACI = "aci"
    AKS = "aks"
    AKS_ENDPOINT = "aksendpoint"

    @classmethod
    def parse(cls, text: str) -> ComputeType:
        """In any case; raises `InvalidConfig`."""
        try:
            return cls(str(text).lower())
        except ValueError:
            raise InvalidConfig("computeType", text, f"must be one of {', '.join(cls)}") from None

    @property
    def target(self) -> str:
        """The compute target that stands for it: this machine, a Docker engine, a Kubernetes cluster."""
        return _TARGETS[self]


_TARGETS = {
    ComputeType.LOCAL: "local",
    ComputeType.ACI: "docker",
    ComputeType.AKS: "kubernetes",
    ComputeType.AKS_ENDPOINT: "kubernetes",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, in words and as JSON Schema says it."""

    words: str
    holds: Callable[[Any], bool]
    schema: Mapping[str, Any]


_NAMESPACE = r"[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?"
POSITIVE = Rule("must be above 0", lambda value: value > 0, {"exclusiveMinimum": 0})
NOT_NEGATIVE = Rule("must be 0 or more", lambda value: value >= 0, {"minimum": 0})
PERCENT = Rule("must be between 0 and 100", lambda value: 0 <= value <= 100, {"minimum": 0, "maximum": 100})
PORT = Rule(
    "must be between 1 and 65535", lambda value: 1 <= value <= 65535, {"minimum": 1, "maximum": 65535}
)
RECORDED = Rule(
    f"must be between 0 (none) and {MOST_RECORDED_REQUESTS:,}",
    lambda value: 0 <= value <= MOST_RECORDED_REQUESTS,
    {"minimum": 0, "maximum": MOST_RECORDED_REQUESTS},
)
NAMESPACE = Rule(
    "must be 1 to 63 lower-case letters, digits or '-', and start and end with a letter or digit",
    lambda value: re.fullmatch(_NAMESPACE, value) is not None,
    {"pattern": f"^{_NAMESPACE.replace('{,', '{0,')}$"},
)

_UNTOUCHED = DeploymentConfig()
_KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text", dict: "a mapping"}
SCHEMA_TYPES = {float: "number", int: "integer", bool: "boolean", str: "string", dict: "object"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of ``deploy_configuration()``."""

    name: str
    key: str | None
    """Where it is in deploymentconfig.json, with a dot between levels; None: not in there."""
    kind: type
    means: str
    default: Any = None
    """What holds where it is not given."""
    rule: Rule | None = None
    field: str | None = None
    """The field of `DeploymentConfig` that it is; None for what only the place itself reads."""

    def violation(self, value: Any) -> InvalidConfig | None:
        """What is wrong with ``value``."""
        accepted = (int, float) if self.kind is float else self.kind
        if not isinstance(value, accepted) or (isinstance(value, bool) and self.kind is not bool):
            return InvalidConfig(self.name, value, f"must be {_KINDS[self.kind]}")
        if self.rule is not None and not self.rule.holds(value):
            return InvalidConfig(self.name, value, self.rule.words)
        return None

    def must_be_named(self, value: Any) -> bool:
        """Whether ``value`` has to be given: it is neither our default nor the documents'."""
        ours = getattr(_UNTOUCHED, self.field) if self.field else self.default
        differs = self.default is not None and value != self.default
        return value is not None and (differs or value != ours)


def _resources(*, limits: bool) -> tuple[Argument, ...]:
    key = "containerResourceRequirements"
    asked = (
        Argument("cpu_cores", f"{key}.cpu", float, "Cores.", DEFAULT_CPU, POSITIVE, "cpu"),
        Argument(
            "memory_gb", f"{key}.memoryInGB", float, "Gigabytes.", DEFAULT_MEMORY_GB, POSITIVE, "memory_gb"
        ),
    )
    most = (
        Argument("cpu_cores_limit", f"{key}.cpuLimit", float, "Cores at most.", None, POSITIVE),
        Argument("memory_gb_limit", f"{key}.memoryInGBLimit", float, "Gigabytes at most.", None, POSITIVE),
    )
    return (*asked, *most) if limits else asked


_LABELS = (
    Argument("tags", "tags", dict, "Tags; their values may change.", field="tags"),
    Argument("properties", "properties", dict, "Properties; they are only added to.", field="properties"),
    Argument("description", "description", str, "What it is.", field="description"),
)
_KEYS = (
    Argument(
        "primary_key",
        "keys.primaryKey",
        str,
        "The first of the two keys (default: a new one).",
        field="primary_key",
    ),
    Argument(
        "secondary_key",
        "keys.secondaryKey",
        str,
        "The second of the two keys (default: a new one).",
        field="secondary_key",
    ),
)
_INSIGHTS = Argument("enable_app_insights", "appInsightsEnabled", bool, "Collect its log as traces.", False)
_COLLECTION = Argument(
    "collect_model_data", "dataCollection.storageEnabled", bool, "Let the script's collectors write.", False
)
_CERTIFICATE = (
    Argument("ssl_enabled", "sslEnabled", bool, "It speaks HTTPS.", False),
    Argument(
        "ssl_cert_pem_file",
        "sslCertificate",
        str,
        "The certificate, with its chain (PEM).",
        field="ssl_cert_pem_file",
    ),
    Argument(
        "ssl_key_pem_file", "sslKey", str, "The key of the certificate (PEM).", field="ssl_key_pem_file"
    ),
    Argument("ssl_cname", "cname", str, "The host name in the certificate."),
)
_PACE = (
    Argument(
        "scoring_timeout_ms",
        "scoringTimeoutMs",
        int,
        "How long run() may take.",
        DEFAULT_SCORING_TIMEOUT_MS,
        POSITIVE,
        "scoring_timeout_ms",
    ),
    Argument(
        "replica_max_concurrent_requests",
        "maxConcurrentRequestsPerContainer",
        int,
        "Calls of run() at a time.",
        1,
        POSITIVE,
        "replica_max_concurrent_requests",
    ),
    Argument(
        "max_request_wait_time",
        "maxQueueWaitMs",
        int,
        "Milliseconds a request may wait for its turn; then 503.",
        DEFAULT_REQUEST_WAIT_MS,
        POSITIVE,
        "max_request_wait_time",
    ),
)
AUTOSCALE = (
    Argument("autoscale_enabled", "autoScaler.autoscaleEnabled", bool, "As many replicas as are busy.", None),
    Argument("autoscale_min_replicas", "autoScaler.minReplicas", int, "At least.", 1, POSITIVE),
    Argument("autoscale_max_replicas", "autoScaler.maxReplicas", int, "At most.", 10, POSITIVE),
    Argument(
        "autoscale_refresh_seconds", "autoScaler.refreshPeriodInSeconds", int, "How often.", 1, POSITIVE
    ),
    Argument(
        "autoscale_target_utilization",
        "autoScaler.targetUtilization",
        int,
        "Percent of the replicas that are to be busy.",
        70,
        POSITIVE,
    ),
)
_PROBE = "livenessProbeRequirements"
_PROBES = (
    Argument("period_seconds", f"{_PROBE}.periodSeconds", int, "Between probes.", 10, POSITIVE),
    Argument(
        "initial_delay_seconds", f"{_PROBE}.initialDelaySeconds", int, "Before the first.", 310, POSITIVE
    ),
    Argument("timeout_seconds", f"{_PROBE}.timeoutSeconds", int, "Of a probe.", 2, POSITIVE),
    Argument("success_threshold", f"{_PROBE}.successThreshold", int, "Until it is live.", 1, POSITIVE),
    Argument("failure_threshold", f"{_PROBE}.failureThreshold", int, "Until it is dead.", 3, POSITIVE),
)
_REPLICAS = Argument("num_replicas", "numReplicas", int, "Replicas, where they do not scale.", None, POSITIVE)
_OURS = (
    Argument("cors_origins", "corsOrigins", str, "Web pages that may call it.", field="cors_origins"),
    Argument(
        "environment_variables",
        "environmentVariables",
        dict,
        "What the script finds set.",
        field="environment_variables",
    ),
    Argument("batch", "batch", bool, "One call of run() for several requests.", False, field="batch"),
    Argument(
        "recorded_requests",
        "recordedRequests",
        int,
        "So many of the last requests are kept.",
        0,
        RECORDED,
        "recorded_requests",
    ),
    Argument("live", "live", bool, "It takes on its cell when that is run again.", False, field="live"),
)
"""In no document: what the scoring server can do besides."""


def _auth(*, default: bool) -> Argument:
    return Argument("auth_enabled", "authEnabled", bool, "Callers need a key.", default, field="auth_enabled")


_TOKENS = Argument(
    "token_auth_enabled",
    "tokenAuthEnabled",
    bool,
    "Callers need a token.",
    False,
    field="token_auth_enabled",
)

_AKS = (
    *AUTOSCALE,
    _COLLECTION,
    _auth(default=True),
    *_resources(limits=True),
    _INSIGHTS,
    *_PACE,
    _REPLICAS,
    *_KEYS,
    *_LABELS,
    Argument("gpu_cores", "gpuCores", int, "GPUs.", 0, NOT_NEGATIVE),
    *_PROBES,
    Argument("namespace", "namespace", str, "The namespace in the cluster.", None, NAMESPACE),
    _TOKENS,
    Argument("compute_target_name", "computeTargetName", str, "The cluster."),
    *_OURS,
)
_PORT = Argument("port", "port", int, "Port to listen on (default: a free one).", None, PORT, "port")
ARGUMENTS: Mapping[ComputeType, tuple[Argument, ...]] = {
    ComputeType.LOCAL: (
        _PORT,
        *_resources(limits=False),
        _auth(default=False),
        _TOKENS,
        *_KEYS,
        *_CERTIFICATE[:3],
        *_PACE,
        *_LABELS,
        *_OURS,
    ),
    ComputeType.ACI: (
        *_resources(limits=False),
        *_LABELS,
        Argument("location", "location", str, "The region."),
        _auth(default=False),
        *_CERTIFICATE,
        _INSIGHTS,
        Argument("dns_name_label", "dnsNameLabel", str, "The first part of its host name."),
        *_KEYS,
        _COLLECTION,
        Argument("cmk_vault_base_url", "vaultBaseUrl", str, "The vault of the customer's key."),
        Argument("cmk_key_name", "keyName", str, "Its name there."),
        Argument("cmk_key_version", "keyVersion", str, "Its version there."),
        Argument("vnet_name", "vnetName", str, "The virtual network."),
        Argument("subnet_name", "subnetName", str, "The subnet in it."),
        _PORT,
        _TOKENS,
        *_PACE,
        *_OURS,
    ),
    ComputeType.AKS: (*_AKS, Argument("blobfuse_enabled", None, bool, "Mount models by blobfuse.", True)),
    ComputeType.AKS_ENDPOINT: (
        *_AKS,
        Argument("version_name", "versionName", str, "The first version (default: the endpoint's name)."),
        Argument(
            "traffic_percentile", "trafficPercentile", float, "Its share of the requests.", None, PERCENT
        ),
    ),
}
"""In the order of the documents' signatures."""

EVERY: Mapping[str, Argument] = {
    argument.name: argument for table in reversed(tuple(ARGUMENTS.values())) for argument in table
}
"""Each argument once: as a local service has it, where it does."""
OUR_NAMES = frozenset(argument.name for argument in _OURS)


def effective(compute: ComputeType, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with the defaults of the service for all else."""
    values: dict[str, Any] = {argument.name: argument.default for argument in ARGUMENTS[compute]}
    values.update(given)
    if values.get("autoscale_enabled") is None and "autoscale_enabled" in values:
        values["autoscale_enabled"] = values["num_replicas"] is None
    if values.get("token_auth_enabled") and "auth_enabled" not in given:
        values["auth_enabled"] = False
    return values


def deployment(compute: ComputeType, given: Mapping[str, Any]) -> DeploymentConfig:
    """The configuration of a service; ``given`` has passed `check`."""
    values = effective(compute, given)
    fields: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for argument in ARGUMENTS[compute]:
        value = values[argument.name]
        if argument.field is None:
            if argument.name in given and argument.name != "ssl_enabled":  # the files say it
                own[argument.name] = value
        elif value is not None:
            fields[argument.field] = value
    if "replica_max_concurrent_requests" not in given:
        fields.pop("replica_max_concurrent_requests", None)  # any number, for an async run()
    if not values.get("ssl_enabled", True):
        fields.pop("ssl_cert_pem_file", None)
        fields.pop("ssl_key_pem_file", None)
    return DeploymentConfig(compute.target, compute_type=compute.value, compute_settings=own, **fields)


def given_of(config: DeploymentConfig) -> tuple[ComputeType, dict[str, Any]]:
    """What `deployment` would have to be given for ``config``; no keys, which are never recorded there."""
    compute = ComputeType.parse(config.compute_type or compute_of(config.target))
    given: dict[str, Any] = {}
    for argument in ARGUMENTS[compute]:
        if argument.field is None:
            if argument.name in config.compute_settings:
                given[argument.name] = config.compute_settings[argument.name]
        elif argument.name not in ("primary_key", "secondary_key"):
            value = getattr(config, argument.field)
            if argument.must_be_named(value):
                given[argument.name] = dict(value) if argument.kind is dict else value
    if config.ssl_cert_pem_file:
        given["ssl_enabled"] = True
    return compute, given


def compute_of(target: str) -> ComputeType:
    """The documents' name; a target that they do not know is told what a local one is."""
    return next((compute for compute, name in _TARGETS.items() if name == target), ComputeType.LOCAL)
