"""The table of deployment arguments: one row is an option, a flag, a JSON key, a form field and a parameter.

`%deploy`, `%update`, ``mlmagic model deploy``, deploymentconfig.json and its JSON Schema, the deploy form and
the signatures of ``deploy_configuration()`` are made from it. Names, keys, order and defaults are Azure ML
v1's (AciWebservice, AksWebservice, AksEndpoint and LocalWebservice of azureml-core 1.61). A service on this
machine or in a container takes more arguments here than there: all that the scoring server can do. Rules over
several arguments are in `mlmagic.core.deployments`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any

from mlmagic.core.collection import FORMATS, REDACTIONS
from mlmagic.core.decimals import with_a_point
from mlmagic.errors import InvalidConfig


class ComputeType(StrEnum):
    """A kind of compute target, as deploymentconfig.json names it."""

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

    @classmethod
    def of_target(cls, target: str) -> ComputeType:
        """The compute type of a target; a target that Azure ML v1 does not know counts as local."""
        name = target.partition(":")[0]  # a context may follow
        return next((compute for compute, each in _TARGETS.items() if each == name), cls.LOCAL)

    @property
    def target(self) -> str:
        """The target that stands for it: this machine, a Docker engine, a Kubernetes cluster."""
        return _TARGETS[self]


_TARGETS = {
    ComputeType.LOCAL: "local",
    ComputeType.ACI: "docker",
    ComputeType.AKS: "kubernetes",
    ComputeType.AKS_ENDPOINT: "kubernetes",
}


class Group(StrEnum):
    """The groups of a help text, in the order in which it shows them."""

    MODELS = "Models and script"
    ENVIRONMENT = "Environment"
    RESOURCES = "Compute target and resources"
    REPLICAS = "Replicas"
    ACCESS = "Access"
    BEHAVIOUR = "Behaviour"
    LABELS = "Description and tags"
    RUN = "Progress and result"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be: in words, as a check, and as JSON Schema."""

    words: str
    holds: Callable[[Any], bool]
    schema: Mapping[str, Any]


MOST_RECORDED_REQUESTS = 100_000
_NAMESPACE = r"[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?"
POSITIVE = Rule("must be above 0", lambda value: value > 0, {"exclusiveMinimum": 0})
NOT_NEGATIVE = Rule("must be 0 or more", lambda value: value >= 0, {"minimum": 0})
PERCENT = Rule("must be between 0 and 100", lambda value: 0 <= value <= 100, {"minimum": 0, "maximum": 100})
PORT = Rule(
    "must be between 1 and 65535", lambda value: 1 <= value <= 65535, {"minimum": 1, "maximum": 65535}
)
MOST_REPLICAS = 100
REPLICAS = Rule(
    f"must be between 1 and {MOST_REPLICAS}",
    lambda value: 1 <= value <= MOST_REPLICAS,
    {"minimum": 1, "maximum": MOST_REPLICAS},
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

_OBJECT_NAME = r"[a-z0-9]([a-z0-9.-]{,251}[a-z0-9])?"
OBJECT_NAME = Rule(
    "must be 1 to 253 lower-case letters, digits, '-' or '.', and start and end with a letter or digit",
    lambda value: re.fullmatch(_OBJECT_NAME, value) is not None,
    {"pattern": f"^{_OBJECT_NAME.replace('{,', '{0,')}$"},
)

SHARE = Rule("must be between 0 and 1", lambda value: 0 <= value <= 1, {"minimum": 0, "maximum": 1})


def _one_of(names: tuple[str, ...]) -> Rule:
    return Rule(f"must be {' or '.join(names)}", lambda value: value in names, {"enum": [*names, None]})


GATEWAY = Rule(
    "must be NAME or NAMESPACE/NAME, as in infra/public; an empty text means none",
    lambda value: not value or re.fullmatch(rf"({_NAMESPACE}/)?{_OBJECT_NAME}", value) is not None,
    {"pattern": f"^(({_NAMESPACE}/)?{_OBJECT_NAME})?$".replace("{,", "{0,")},
)

_KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text", dict: "a mapping"}
_METAVARS = {float: "NUMBER", int: "COUNT", bool: "", str: "TEXT", dict: "KEY=VALUE"}
_SCHEMA_TYPES = {float: "number", int: "integer", bool: "boolean", str: "string", dict: "object"}
_WITH_UNIT = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?) ?(?P<unit>[A-Za-z]+)")
CORES = {"m": 0.001}
"""As Kubernetes writes quantities."""
GIGABYTES = {"Gi": 1.0, "Mi": 1 / 1024, "G": 1e9 / (1 << 30), "M": 1e6 / (1 << 30), "GB": 1.0}
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
EVERYWHERE = frozenset(ComputeType)
CLUSTERS = frozenset((ComputeType.AKS, ComputeType.AKS_ENDPOINT))
CONTAINERS = CLUSTERS | {ComputeType.ACI}
ACI, AKS = frozenset((ComputeType.ACI,)), frozenset((ComputeType.AKS,))
ENDPOINTS, NO_CLUSTER = CLUSTERS - AKS, EVERYWHERE - CLUSTERS
SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One row of the table."""

    name: str
    kind: type
    group: Group
    help: str
    """A sentence in plain words, for help texts, tooltips and the JSON Schema."""
    on: frozenset[ComputeType] = EVERYWHERE
    """The compute types that take it."""
    default: Any = None
    """What holds where it is not given."""
    defaults: Mapping[ComputeType, Any] = field(default_factory=dict)
    """The same, where a compute type has its own."""
    units: Mapping[str, float] = field(default_factory=dict)
    """The units that its option takes after a number, with what one of each is worth."""
    rule: Rule | None = None
    key: str | None = None
    """Its place in deploymentconfig.json, with a dot between levels; None: not in that file."""
    field: str | None = None
    """The field of `DeploymentConfig` that holds it (``SAME``: of its name); None: it is in
    ``compute_settings``, which only the target reads."""
    options: tuple[str, ...] = ()
    """Its options in a magic and on the command line, the usual one first; none: it is no option."""
    opposite_option: str = ""
    """The option that switches a flag off, where it is not its option with ``no``."""
    unit: str = ""
    metavar: str = ""
    label: str = ""
    """The title of its form field, without the unit; empty: it is not in the form."""
    placeholder: str = ""
    """What its form field shows while it is empty."""
    advanced: bool = False
    """Whether the form shows it under More settings."""

    def __post_init__(self) -> None:
        if self.field == SAME:
            object.__setattr__(self, "field", self.name)

    def for_compute(self, compute: ComputeType) -> Argument:
        """The row with the default that holds for a compute type."""
        return replace(self, default=self.defaults.get(compute, self.default), defaults={})

    def violation(self, value: Any) -> InvalidConfig | None:
        """What is wrong with ``value``."""
        accepted = (int, float) if self.kind is float else self.kind
        if not isinstance(value, accepted) or (isinstance(value, bool) and self.kind is not bool):
            words = f"must be {_KINDS[self.kind]}"
            return InvalidConfig(
                self.name, value, words + (with_a_point(value) if self.kind is float else "")
            )
        if isinstance(value, float) and math.isinf(value):
            return InvalidConfig(self.name, value, "must be a finite number")
        if self.rule is not None and not self.rule.holds(value):
            return InvalidConfig(self.name, value, self.rule.words)
        return None

    def read(self, text: Any) -> Any:
        """The number that its option's text stands for, such as 600 for ``10m``. Raises `InvalidConfig`."""
        return read_quantity(self.option.lstrip("-"), text, self.units, self.kind)

    @property
    def option(self) -> str:
        """Its usual option."""
        return self.options[0]

    @property
    def opposite(self) -> str:
        """The option that switches a flag off."""
        return self.opposite_option or f"--no-{self.option[2:]}"

    @property
    def value_name(self) -> str:
        """What stands for a value in a help text."""
        return self.metavar or self.unit.upper() or _METAVARS[self.kind]

    @property
    def option_help(self) -> str:
        """The help text of its option, with the default."""
        shown = self.default not in (None, False, 0) and "efault" not in self.help
        return f"{self.help} Default: {self.default}." if shown else self.help

    @property
    def title(self) -> str:
        """The title of its form field."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        described: dict[str, Any] = {
            "type": [_SCHEMA_TYPES[self.kind], "null"],
            "description": self.help,
            **(self.rule.schema if self.rule else {}),
        }
        if self.default is not None:
            described["default"] = self.default
        if self.kind is dict:
            described["additionalProperties"] = {"type": "string"}
        return described


def read_quantity(name: str, text: Any, units: Mapping[str, float], kind: type = float) -> Any:
    """A number of ``kind``, perhaps with one of the ``units``. Raises `InvalidConfig` with ``name``."""
    found = _WITH_UNIT.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        if found and found["unit"] in units:
            value = float(found["number"]) * units[found["unit"]]
            return round(value) if kind is int else value
        return kind(text)
    except (TypeError, ValueError):
        more = f", perhaps with a unit: {', '.join(units)}" if units else ""
        words = f"must be {_KINDS[kind]}{with_a_point(text) or more}"
        raise InvalidConfig(name, text, words) from None


def _row(name: str, kind: type, group: Group, help: str, **more: Any) -> Argument:
    return Argument(name=name, kind=kind, group=group, help=help, **more)


_R, _S, _A, _B, _L = Group.RESOURCES, Group.REPLICAS, Group.ACCESS, Group.BEHAVIOUR, Group.LABELS
_CONTAINER, _SCALER, _PROBE = "containerResourceRequirements", "autoScaler", "livenessProbeRequirements"
_COLLECTION = "dataCollection"
# fmt: off
TABLE: tuple[Argument, ...] = (
    _row("cpu_cores", float, _R, "CPU cores.", default=0.1, rule=POSITIVE, key=f"{_CONTAINER}.cpu",
         field="cpu", options=("--cpu", "--cc", "--cpu-cores"), metavar="CORES", label="CPU cores",
         units=CORES),
    _row("memory_gb", float, _R, "Memory in gigabytes.", default=0.5, rule=POSITIVE,
         key=f"{_CONTAINER}.memoryInGB", field=SAME, options=("--memory", "--gb", "--memory-gb"),
         unit="GB", label="Memory", units=GIGABYTES),
    _row("cpu_cores_limit", float, _R, "Upper limit of CPU cores.", on=CLUSTERS, rule=POSITIVE,
         key=f"{_CONTAINER}.cpuLimit"),
    _row("memory_gb_limit", float, _R, "Upper limit of memory in gigabytes.", on=CLUSTERS, rule=POSITIVE,
         key=f"{_CONTAINER}.memoryInGBLimit"),
    _row("gpu_cores", int, _R, "Number of GPUs.", on=CLUSTERS, default=0, rule=NOT_NEGATIVE, key="gpuCores"),
    _row("port", int, _R, "Port to listen on. Default: a free port.", on=NO_CLUSTER, rule=PORT, key="port",
         field=SAME, options=("--port",), metavar="PORT", label="Port", placeholder="empty: a free port",
         advanced=True),
    _row("location", str, _R, "Azure region. It is recorded and has no effect here.", on=ACI, key="location"),
    _row("namespace", str, _R, "Namespace in the cluster. Default: that of the context.", on=CLUSTERS,
         rule=NAMESPACE, key="namespace", options=("--namespace",), metavar="NAME"),
    _row("priority_class_name", str, _R,
         "PriorityClass of the pods: who gives way in a cluster that is full. Default: the cluster's.",
         on=CLUSTERS, rule=OBJECT_NAME, key="priorityClassName", options=("--priority-class",),
         metavar="NAME"),
    _row("service_account_name", str, _R,
         "ServiceAccount of the pods, whose token the script can then read. Default: no token.",
         on=CLUSTERS, rule=OBJECT_NAME, key="serviceAccountName", options=("--service-account",),
         metavar="NAME"),
    _row("gateway", str, _R,
         "Gateway through which callers reach the service under /NAME too. Default: none. An empty text "
         "removes it.", on=CLUSTERS, rule=GATEWAY, key="gateway", options=("--gateway",),
         metavar="[NAMESPACE/]NAME"),
    _row("compute_target_name", str, _R, "Name of the cluster.", on=CLUSTERS, key="computeTargetName"),
    _row("vnet_name", str, _R, "Virtual network. It is recorded and has no effect here.", on=ACI,
         key="vnetName"),
    _row("subnet_name", str, _R, "Subnet of the virtual network.", on=ACI, key="subnetName"),
    _row("blobfuse_enabled", bool, _R, "Mount models with blobfuse. It is recorded and has no effect here.",
         on=AKS, default=True),

    _row("num_replicas", int, _S,
         "Number of replicas: processes or containers that share the requests. Default: 1, or autoscaling in "
         "a cluster.", rule=REPLICAS, key="numReplicas", field=SAME, options=("--replicas", "--num-replicas"),
         label="Replicas", placeholder="empty: 1, or autoscaling in a cluster"),
    _row("idle_timeout_seconds", int, _S,
         "Seconds without a request after which no replica runs; the next one waits until they run again. "
         "10m and 1h, too. Kubernetes needs KEDA's HTTP add-on. Default: they always run.", rule=POSITIVE,
         key="idleTimeoutSeconds", field=SAME, options=("--idle-timeout",), metavar="TIME", units=SECONDS,
         label="Idle timeout", placeholder="empty: always run", unit="s", advanced=True),
    _row("autoscale_enabled", bool, _S, "Scale the number of replicas with the load.", on=CLUSTERS,
         key=f"{_SCALER}.autoscaleEnabled", options=("--autoscale-enabled",), label="Autoscaling"),
    _row("autoscale_min_replicas", int, _S, "Fewest replicas.", on=CLUSTERS, default=1, rule=POSITIVE,
         key=f"{_SCALER}.minReplicas", options=("--autoscale-min-replicas",), label="Fewest replicas"),
    _row("autoscale_max_replicas", int, _S, "Most replicas.", on=CLUSTERS, default=10, rule=POSITIVE,
         key=f"{_SCALER}.maxReplicas", options=("--autoscale-max-replicas",), label="Most replicas"),
    _row("autoscale_refresh_seconds", int, _S, "Seconds between two decisions of the autoscaler.",
         on=CLUSTERS, default=1, rule=POSITIVE, key=f"{_SCALER}.refreshPeriodInSeconds"),
    _row("autoscale_target_utilization", int, _S, "Share of busy replicas that the autoscaler aims at.",
         on=CLUSTERS, default=70, rule=POSITIVE, key=f"{_SCALER}.targetUtilization",
         options=("--autoscale-target-utilization",), unit="percent", label="Target utilization"),
    _row("version_name", str, _S, "Name of the endpoint's first version. Default: the endpoint's name.",
         on=ENDPOINTS, key="versionName"),
    _row("traffic_percentile", float, _S, "Percent of the requests that the version gets.", on=ENDPOINTS,
         rule=PERCENT, key="trafficPercentile"),

    _row("auth_enabled", bool, _A, "Require one of the service's two keys from callers.", default=False,
         defaults=dict.fromkeys(CLUSTERS, True), key="authEnabled", field=SAME,
         options=("--auth",), label="Authentication"),
    _row("token_auth_enabled", bool, _A, "Require a token, which is valid for an hour, from callers.",
         default=False, key="tokenAuthEnabled", field=SAME, options=("--token-auth",),
         label="Authentication"),
    _row("primary_key", str, _A, "First of the two keys. Default: a new key.", key="keys.primaryKey",
         field=SAME),
    _row("secondary_key", str, _A, "Second of the two keys. Default: a new key.", key="keys.secondaryKey",
         field=SAME),
    _row("ssl_enabled", bool, _A, "Serve HTTPS.", on=NO_CLUSTER, default=False, key="sslEnabled"),
    _row("ssl_cert_pem_file", str, _A, "Certificate chain (PEM file). The service uses HTTPS.",
         on=NO_CLUSTER, key="sslCertificate", field=SAME, options=("--ssl-cert",),
         metavar="FILE", label="Certificate file (PEM)", advanced=True),
    _row("ssl_key_pem_file", str, _A, "Private key of the certificate (PEM file).", on=NO_CLUSTER,
         key="sslKey", field=SAME, options=("--ssl-key",), metavar="FILE",
         label="Key file (PEM)", advanced=True),
    _row("ssl_cname", str, _A, "Host name in the certificate.", on=ACI, key="cname",
         options=("--ssl-cname",), metavar="HOST", label="Host name in the certificate", advanced=True),
    _row("dns_name_label", str, _A, "First part of the host name. It is recorded and has no effect here.",
         on=ACI, key="dnsNameLabel"),
    _row("cmk_vault_base_url", str, _A, "Key vault of the customer-managed key.", on=ACI, key="vaultBaseUrl"),
    _row("cmk_key_name", str, _A, "Name of the customer-managed key.", on=ACI, key="keyName"),
    _row("cmk_key_version", str, _A, "Version of the customer-managed key.", on=ACI, key="keyVersion"),
    _row("cors_origins", str, _A, "Allowed origins of web pages (CORS), separated by commas, or *.",
         key="corsOrigins", field=SAME, options=("--cors-origins",), metavar="ORIGINS",
         label="Allowed origins (CORS)", placeholder="https://a.example, https://b.example, or *",
         advanced=True),
    _row("allowed_hosts", str, _A,
         "Host names, separated by commas, that a service on this machine accepts besides local ones, or *.",
         key="allowedHosts", field=SAME, options=("--allowed-hosts",), metavar="HOSTS"),

    _row("batch", bool, _B, "Call run() once for all concurrent requests (dynamic batching).", default=False,
         key="batch", field=SAME, options=("--batch",), label="Dynamic batching: one run() call for all "
         "concurrent requests"),
    _row("batch_wait_ms", float, _B,
         "Longest time that a request waits for others to be batched with, such as 2ms: for models on a GPU. "
         "Default: none waits.", rule=POSITIVE, key="batchWaitMs", field=SAME, options=("--batch-wait",),
         metavar="TIME", units=MILLISECONDS, unit="ms", label="Wait for a batch",
         placeholder="empty: no request waits", advanced=True),
    _row("compile", bool, _B,
         "Compile scikit-learn, XGBoost and LightGBM models to ONNX, and serve those that are proven equal. "
         "Default: models that were registered with --compile.", key="compile", field=SAME,
         options=("--compile",), label="Compiled models: served by ONNX Runtime where they are proven equal"),
    _row("live", bool, _B, "Live reload: each run of the script's cell updates the service.",
         default=False, key="live", field=SAME, options=("--live",),
         label="Live reload: re-running the cell updates the service"),
    _row("init_timeout_seconds", int, _B,
         "Longest time that the script's import and init() may take, in seconds.", default=600, rule=POSITIVE,
         key="initTimeoutSeconds", options=("--init-timeout",)),
    _row("scoring_timeout_ms", int, _B, "Longest time that run() may take, in milliseconds.",
         default=60_000, rule=POSITIVE, key="scoringTimeoutMs", field=SAME, options=("--scoring-timeout-ms",),
         unit="ms", label="Scoring timeout", advanced=True),
    _row("max_request_wait_time", int, _B, "Longest time in the queue, in milliseconds; then 503.",
         default=500, rule=POSITIVE, key="maxQueueWaitMs", field=SAME, options=("--max-request-wait-time",),
         unit="ms", label="Longest time in the queue", advanced=True),
    _row("replica_max_concurrent_requests", int, _B,
         "Concurrent calls of run(). Default: 1, or no limit for an async run().", default=1, rule=POSITIVE,
         key="maxConcurrentRequestsPerContainer", field=SAME, options=("--replica-max-concurrent-requests",),
         label="Concurrent calls of run()", placeholder="empty: 1, or no limit for an async run()",
         advanced=True),
    _row("recorded_requests", int, _B,
         "Record the bodies of the last COUNT requests, to list, profile and replay them.", default=0,
         rule=RECORDED, key="recordedRequests", field=SAME, options=("--record",),
         label="Requests to record", advanced=True),
    _row("collect_model_data", bool, _B,
         "Collect inputs and predictions: by the script's collectors, or by the server if it has none.",
         default=False, key=f"{_COLLECTION}.storageEnabled", options=("--collect", "--collect-model-data"),
         label="Data collection: record inputs and predictions", advanced=True),
    _row("collection_store", str, _B,
         "Folder, or URL that fsspec knows, for collected data. Default: in the workspace, for a service on "
         "this machine.", key=f"{_COLLECTION}.store", options=("--collection-store",),
         metavar="FOLDER|URL", label="Store of collected data", placeholder="empty: in the workspace",
         advanced=True),
    _row("collection_format", str, _B, "Format of collected data: csv or parquet.", default="csv",
         rule=_one_of(FORMATS), key=f"{_COLLECTION}.format", options=("--collection-format",),
         metavar="FORMAT"),
    _row("collection_sample_rate", float, _B, "Share of the requests that are collected, from 0 to 1.",
         default=1.0, rule=SHARE, key=f"{_COLLECTION}.sampleRate", options=("--collection-sample-rate",),
         metavar="SHARE", label="Share of requests to collect", advanced=True),
    _row("collection_redacted_columns", str, _B,
         "Columns, separated by commas, whose values are not recorded.",
         key=f"{_COLLECTION}.redactedColumns", options=("--collection-redacted-columns",),
         metavar="COLUMNS", label="Columns to redact", placeholder="name, email", advanced=True),
    _row("collection_redaction", str, _B,
         "What is recorded instead of their values: mark, a fixed text, or hash, a keyed hash.",
         default="mark", rule=_one_of(REDACTIONS), key=f"{_COLLECTION}.redaction",
         options=("--collection-redaction",), metavar="KIND"),
    _row("collection_retention_days", int, _B, "Days for which collected data is kept. Default: for ever.",
         rule=POSITIVE, key=f"{_COLLECTION}.retentionDays", options=("--collection-retention-days",),
         metavar="DAYS", label="Days to keep collected data", placeholder="empty: for ever", advanced=True),
    _row("collection_retention_gb", float, _B,
         "Gigabytes of collected data that are kept: the oldest is deleted first, never that of today. "
         "Default: no limit.", rule=POSITIVE, key=f"{_COLLECTION}.retentionGB",
         options=("--collection-retention-gb",), metavar="GB"),
    _row("enable_app_insights", bool, _B,
         "Send requests and log to the collector of OTEL_EXPORTER_OTLP_ENDPOINT or to Application Insights.",
         on=CONTAINERS, default=False,
         key="appInsightsEnabled"),
    _row("period_seconds", int, _B, "Seconds between two liveness probes.", on=CLUSTERS, default=10,
         rule=POSITIVE, key=f"{_PROBE}.periodSeconds"),
    _row("initial_delay_seconds", int, _B, "Seconds before the first liveness probe.", on=CLUSTERS,
         default=310, rule=POSITIVE, key=f"{_PROBE}.initialDelaySeconds"),
    _row("timeout_seconds", int, _B, "Seconds after which a liveness probe fails.", on=CLUSTERS, default=2,
         rule=POSITIVE, key=f"{_PROBE}.timeoutSeconds"),
    _row("success_threshold", int, _B, "Successful probes until a container counts as alive.", on=CLUSTERS,
         default=1, rule=POSITIVE, key=f"{_PROBE}.successThreshold"),
    _row("failure_threshold", int, _B, "Failed probes until a container counts as dead.", on=CLUSTERS,
         default=3, rule=POSITIVE, key=f"{_PROBE}.failureThreshold"),

    _row("nearest", bool, Group.ENVIRONMENT,
         "Use the nearest version where the environment's Python or a pinned package cannot be installed. "
         "Default: no in a cell of a notebook, else yes.",
         key="nearest", field=SAME, options=("--nearest",), opposite_option="--exact"),
    _row("environment_variables", dict, Group.ENVIRONMENT, "Environment variable of the script.",
         key="environmentVariables", field=SAME, options=("--env",),
         label="Environment variables", advanced=True),
    _row("description", str, _L, "Description of the service.", key="description", field=SAME,
         options=("--description",), label="Description"),
    _row("tags", dict, _L, "Tag; its value may change later.", key="tags", field=SAME, options=("--tag",),
         label="Tags", advanced=True),
    _row("properties", dict, _L, "Property; it can be added and never changed.", key="properties",
         field=SAME, options=("--property",), label="Properties", advanced=True),
)
# fmt: on
ARGUMENTS: Mapping[str, Argument] = {argument.name: argument for argument in TABLE}
OPTIONS: tuple[Argument, ...] = tuple(argument for argument in TABLE if argument.options)
"""The rows that are options of `%deploy`, `%update` and the command line."""
AUTOSCALE = tuple(name for name in ARGUMENTS if name.startswith("autoscale_"))
CERTIFICATE = ("ssl_cert_pem_file", "ssl_key_pem_file")
KEYS = ("primary_key", "secondary_key")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_AKS_ORDER = _names(
    "autoscale_enabled autoscale_min_replicas autoscale_max_replicas autoscale_refresh_seconds "
    "autoscale_target_utilization collect_model_data auth_enabled cpu_cores memory_gb enable_app_insights "
    "scoring_timeout_ms replica_max_concurrent_requests max_request_wait_time num_replicas primary_key "
    "secondary_key tags properties description gpu_cores period_seconds initial_delay_seconds "
    "timeout_seconds success_threshold failure_threshold namespace token_auth_enabled compute_target_name "
    "cpu_cores_limit memory_gb_limit"
)
V1_ORDER: Mapping[ComputeType, tuple[str, ...]] = {
    ComputeType.LOCAL: ("port",),
    ComputeType.ACI: _names(
        "cpu_cores memory_gb tags properties description location auth_enabled ssl_enabled "
        "enable_app_insights ssl_cert_pem_file ssl_key_pem_file ssl_cname dns_name_label primary_key "
        "secondary_key collect_model_data cmk_vault_base_url cmk_key_name cmk_key_version vnet_name "
        "subnet_name"
    ),
    ComputeType.AKS: (*_AKS_ORDER, "blobfuse_enabled"),
    ComputeType.AKS_ENDPOINT: (*_AKS_ORDER, "version_name", "traffic_percentile"),
}
"""The positional parameters of Azure ML v1's ``deploy_configuration()``, which will not change any more."""
V1_UPDATE_ORDER: Mapping[ComputeType, tuple[str, ...]] = {
    ComputeType.ACI: _names(
        "tags properties description auth_enabled ssl_enabled ssl_cert_pem_file ssl_key_pem_file ssl_cname "
        "enable_app_insights"
    ),
    ComputeType.AKS: tuple(name for name in _AKS_ORDER if name not in (*KEYS, "compute_target_name")),
}
"""The same of ``update()``."""


@cache
def arguments_of(compute: ComputeType) -> Mapping[str, Argument]:
    """The arguments of a compute type by name: Azure ML v1's in its order, then ours in the table's."""
    there = {row.name: row.for_compute(compute) for row in TABLE if compute in row.on}
    return {name: there[name] for name in dict.fromkeys((*V1_ORDER[compute], *there))}


def row_of(name: str) -> Argument:
    """The row with an option of an argument, or of the field of `DeploymentConfig` that holds it."""
    return next(row for row in OPTIONS if name in (row.name, row.field))
