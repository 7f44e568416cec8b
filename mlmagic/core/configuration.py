"""Configurations: a model's resources, an entry script and its files, a deployment."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from mlmagic.core import advice
from mlmagic.core.access import check_key
from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.collection import is_of_collection
from mlmagic.errors import Advice, InvalidConfig

DEFAULT_CPU: float = ARGUMENTS["cpu_cores"].default
DEFAULT_MEMORY_GB: float = ARGUMENTS["memory_gb"].default
DEFAULT_SCORING_TIMEOUT_MS: int = ARGUMENTS["scoring_timeout_ms"].default
DEFAULT_REQUEST_WAIT_MS: int = ARGUMENTS["max_request_wait_time"].default
DEFAULT_TARGET = "local"
BYTES_PER_GB = 1 << 30
"""A gigabyte of a configuration is what Docker calls ``g`` and Kubernetes ``Gi``."""

_RULES = [(row.option[2:], row.field, row.rule) for row in ARGUMENTS.values() if row.field and row.rule]
"""The rules of single fields, under the names that their options have."""
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#,]+")

ACCESS_FIELDS = (
    "port", "auth_enabled", "token_auth_enabled", "primary_key", "secondary_key", "ssl_cert_pem_file",
    "ssl_key_pem_file", "without_auth", "cors_origins", "allowed_hosts",
)  # fmt: skip
"""How callers reach a service, and who may call it: the fields that an endpoint has, and not its versions."""


@dataclass(frozen=True, slots=True)
class ResourceConfiguration:
    """The resources that a model needs: CPU cores, gigabytes of memory, GPUs."""

    cpu: float | None = None
    memory_in_gb: float | None = None
    gpu: int | None = None

    def __post_init__(self) -> None:
        check_positive("cpu", self.cpu)
        check_positive("memory_in_gb", self.memory_in_gb)
        if self.gpu is not None and self.gpu < 0:
            raise InvalidConfig("gpu", self.gpu, "must be 0 or more")


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """The entry script, from a cell or a file, and the environment it needs."""

    entry_script: str
    """File name of the script, relative to the source directory."""
    script_text: str | None = None
    """The script's text if it was captured from a cell; else the file is read."""
    source_directory: str | None = None
    """Folder that is deployed with the script; without it the script is deployed alone."""
    assets: Mapping[str, str] = field(default_factory=dict)
    """Local file by its path in the service: files that a captured script needs."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Content by path in the service: small files that a generated script needs."""
    requirements: tuple[str, ...] = ()
    """The packages that the script imports, as pinned pip requirements."""
    modules: tuple[str, ...] = ()
    """Installed modules to import before serving, besides those that the script imports."""
    environment: Mapping[str, Any] | None = field(default=None, repr=False)
    """An Environment as Azure ML v1's JSON; None: the packages of this process. May hold passwords."""
    taken_from: str | None = None
    """The folder the script was read from, to read it again (`LocalWebservice.reload`)."""
    captured_as: str | None = None
    """The name of the captured script; None for files, and in rows of earlier versions."""
    is_router: bool = False
    """There is no script: the service is an endpoint, which forwards requests to its versions."""
    no_code: bool = False
    """The script was generated for the models; it is generated again when they change."""
    description: str = ""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.entry_script)
        if path.suffix != ".py":
            raise InvalidConfig("entry script", self.entry_script, "must be a .py file")
        if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
            raise InvalidConfig(
                "entry script",
                self.entry_script,
                "must have a name that Python can import",
                hint=f"For example {path.with_stem('score')}.",
            )


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """A deployment: the compute target, resources, access and behaviour of a service.

    Raises `InvalidConfig` for a value out of range. Most fields are arguments of `mlmagic.core.arguments`,
    which describes them.
    """

    target: str = DEFAULT_TARGET
    cpu: float = DEFAULT_CPU
    memory_gb: float = DEFAULT_MEMORY_GB
    port: int | None = None
    """None: a free port, which the service keeps."""
    num_replicas: int | None = None
    """None: 1, or as many as the autoscaler of the target wants. A service that was scaled has another number
    in its record."""
    idle_timeout_seconds: int | None = None
    """After so long without a request no replica runs, until the next request; None: they always run."""
    init_timeout_seconds: int = ARGUMENTS["init_timeout_seconds"].default
    """Then the start has failed."""
    scoring_timeout_ms: int = DEFAULT_SCORING_TIMEOUT_MS
    """Then the caller gets 504, and run() is interrupted."""
    replica_max_concurrent_requests: int | None = None
    """None: 1 (Azure ML v1's default), or no limit for an async run()."""
    max_request_wait_time: int = DEFAULT_REQUEST_WAIT_MS
    """Then the caller gets 503."""
    batch: bool = False
    batch_wait_ms: float | None = None
    """How long a request waits for others where run() is batched; None: not at all."""
    compile: bool | None = None
    """Whether the models are served as compiled to ONNX; None: those that were registered to be."""
    auth_enabled: bool = False
    token_auth_enabled: bool = False
    """Excludes ``auth_enabled``."""
    primary_key: str | None = field(default=None, repr=False)
    """The first keys, instead of new ones. They are stored with the service, never with its revisions."""
    secondary_key: str | None = field(default=None, repr=False)
    ssl_cert_pem_file: str | None = None
    """The certificate chain and its key are read again when they are renewed."""
    ssl_key_pem_file: str | None = None
    without_auth: bool = False
    """``auth_enabled=False`` was given, and is not just the default: everyone may call the service."""
    cors_origins: str = ""
    allowed_hosts: str = ""
    compute_type: str = ""
    """A `ComputeType`, where the configuration names one."""
    compute_settings: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that only the target reads, by name."""
    recorded_requests: int = 0
    """How many of the last requests are recorded, for profiles and comparisons; 0: none."""
    live: bool = False
    nearest: bool | None = None
    """Whether the nearest versions are used for a Python or for pins that cannot be installed; None: as the
    caller (SDK, command line, magic) does by default."""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    def __post_init__(self) -> None:
        for name, field_name, rule in _RULES:
            value = getattr(self, field_name)
            if value is not None and not rule.holds(value):
                raise InvalidConfig(name, value, rule.words)
        self._check_access()
        self._check_batch_wait()
        check_origins(self.cors_origins)

    @property
    def guarded(self) -> bool:
        """Whether callers need a key or a token."""
        return self.auth_enabled or self.token_auth_enabled

    @property
    def autoscales(self) -> bool:
        """Whether the number of replicas follows the load, on a target that can."""
        return self.num_replicas is None and self.compute_settings.get("autoscale_enabled") is not False

    @property
    def replicas(self) -> int:
        """How many replicas run at first, and always on a target without autoscaling."""
        return self.num_replicas or int(self.compute_settings.get("autoscale_min_replicas", 1))

    def scaled(self, replicas: int) -> DeploymentConfig:
        """The configuration with so many replicas, without autoscaling."""
        kept = {
            key: value for key, value in self.compute_settings.items() if not key.startswith("autoscale_")
        }
        return replace(self, num_replicas=replicas, compute_settings=kept)

    @property
    def liveness_seconds(self) -> int:
        """How long a service may fail its liveness probes before it is ended and started again."""
        settings = self.compute_settings
        return int(settings.get("period_seconds", 10)) * int(settings.get("failure_threshold", 3))

    def without_keys(self) -> DeploymentConfig:
        """The configuration as it may be recorded and shown."""
        return replace(self, primary_key=None, secondary_key=None)

    def for_trial(self, target: str) -> DeploymentConfig:
        """The configuration of a temporary service on ``target``: any free port, keys of its own or none."""
        kept = {
            name: value
            for name, value in self.compute_settings.items()
            if name != "gateway" and not is_of_collection(name)
        }
        return replace(
            self.without_keys(),
            target=target,
            port=None,
            num_replicas=1,
            idle_timeout_seconds=None,
            auth_enabled=False,
            token_auth_enabled=False,
            ssl_cert_pem_file=None,
            ssl_key_pem_file=None,
            live=False,
            recorded_requests=0,
            compute_settings=kept,
        )

    def _check_batch_wait(self) -> None:
        if self.batch_wait_ms is not None and self.batch_wait_ms >= self.max_request_wait_time:
            raise InvalidConfig(
                "batch_wait_ms",
                self.batch_wait_ms,
                f"must be below max_request_wait_time, {self.max_request_wait_time}: "
                "a request that waits longer is answered with 503",
            )

    def _check_access(self) -> None:
        if self.auth_enabled and self.token_auth_enabled:
            raise InvalidConfig(
                "token_auth_enabled",
                True,
                "excludes auth_enabled",
                hint=Advice(
                    "Use keys or tokens. Turn keys off with: {off}",
                    off=advice.argument("auth_enabled", False),
                ),
            )
        for which, key in (("primary_key", self.primary_key), ("secondary_key", self.secondary_key)):
            if key is not None:
                check_key(which, key)
                if not self.auth_enabled:
                    raise InvalidConfig(which, "***", "needs auth_enabled=True")
        if bool(self.ssl_cert_pem_file) != bool(self.ssl_key_pem_file):
            raise InvalidConfig(
                "ssl_cert_pem_file" if self.ssl_cert_pem_file else "ssl_key_pem_file",
                self.ssl_cert_pem_file or self.ssl_key_pem_file,
                "needs the other file too",
                hint="Give both, a certificate and its key.",
            )


def check_origins(origins: str) -> None:
    """Raises `InvalidConfig` unless ``origins`` is a list of origins, separated by commas."""
    for origin in filter(None, map(str.strip, origins.split(","))):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InvalidConfig(
                "CORS origin", origin, "must be scheme://host[:port], or *", hint="Without a path or a slash."
            )


def check_positive(name: str, value: float | None) -> None:
    """Raises `InvalidConfig` unless a number of cores or gigabytes is above 0 (or None)."""
    # `not value > 0` and not `value <= 0`: it refuses NaN too.
    if value is not None and not value > 0:
        raise InvalidConfig(name, value, "must be above 0")
