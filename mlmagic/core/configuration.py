"""What a deployment asks for: resources, the entry script, the place."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from mlmagic.core.access import check_key
from mlmagic.errors import InvalidConfig

DEFAULT_CPU = 0.1
DEFAULT_MEMORY_GB = 0.5
BYTES_PER_GB = 1 << 30
"""A gigabyte of a configuration is what Docker calls ``g`` and Kubernetes ``Gi``."""
DEFAULT_TARGET = "local"
DEFAULT_SCORING_TIMEOUT_MS = 60_000
DEFAULT_REQUEST_WAIT_MS = 500

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#,]+")


@dataclass(frozen=True, slots=True)
class ResourceConfiguration:
    """What a model asks of the place that serves it: cores, gigabytes, GPUs."""

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
    environment: Mapping[str, Any] | None = None
    """An Environment as Azure ML v1's JSON; None: the packages of this process."""
    taken_from: str | None = None
    """The folder the script was read from, to read it again (`LocalWebservice.reload`)."""
    captured_as: str | None = None
    """The name of the captured script; None for files, and in rows of earlier versions."""
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
    """Where a service runs, and with how much.

    Raises `InvalidConfig` for numbers out of range. Defaults are the documents': 0.1 cores and 0.5 GB, and
    the limits of AksWebservice (60 s, one request at a time, 500 ms). The local target notes cores and memory
    and does not limit the process.
    """

    target: str = DEFAULT_TARGET
    cpu: float = DEFAULT_CPU
    memory_gb: float = DEFAULT_MEMORY_GB
    port: int | None = None
    """The port to listen on; None lets the server pick a free one and keep it."""
    scoring_timeout_ms: int = DEFAULT_SCORING_TIMEOUT_MS
    """How long run() may take; then the client is told 504, and run() is interrupted."""
    replica_max_concurrent_requests: int | None = None
    """Calls of run() at a time. None: one (the documents' default), or any number for an async run()."""
    max_request_wait_time: int = DEFAULT_REQUEST_WAIT_MS
    """Milliseconds a request may wait for its turn; then the client is told 503."""
    batch: bool = False
    """run() is called once for several requests, as if the script had declared it."""
    auth_enabled: bool = False
    """Callers need one of the service's two keys."""
    token_auth_enabled: bool = False
    """Callers need a token, which lasts an hour. Not both: a service asks for one or the other."""
    primary_key: str | None = field(default=None, repr=False)
    """The keys to begin with, in place of new ones; kept with the service, never with its revisions."""
    secondary_key: str | None = field(default=None, repr=False)
    ssl_cert_pem_file: str | None = None
    """The certificate (with its chain) and its key; the service speaks HTTPS. Read again when renewed."""
    ssl_key_pem_file: str | None = None
    cors_origins: str = ""
    """Web pages that may call the service from a browser: origins with commas between, or ``*``."""
    compute_type: str = ""
    """The documents' name for the place (local, aci, aks, aksendpoint), where the configuration used it."""
    compute_settings: Mapping[str, Any] = field(default_factory=dict)
    """What only the place itself reads, by the documents' names: see `mlmagic.core.deployments`."""
    recorded_requests: int = 0
    """So many of the last requests are kept, for profiles and comparisons; 0: none."""
    live: bool = False
    """It takes on its `%%score_script` cell each time that is run again."""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    def __post_init__(self) -> None:
        check_positive("cpu", self.cpu)
        check_positive("memory", self.memory_gb)
        check_positive("scoring timeout (ms)", self.scoring_timeout_ms)
        check_positive("concurrent requests", self.replica_max_concurrent_requests)
        check_positive("request wait time (ms)", self.max_request_wait_time)
        if not 0 <= self.recorded_requests <= MOST_RECORDED_REQUESTS:
            raise InvalidConfig(
                "recorded requests",
                self.recorded_requests,
                f"must be between 0 (none) and {MOST_RECORDED_REQUESTS:,}",
            )
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InvalidConfig("port", self.port, "must be between 1 and 65535")
        self._check_access()
        check_origins(self.cors_origins)

    @property
    def guarded(self) -> bool:
        """Whether callers need a credential."""
        return self.auth_enabled or self.token_auth_enabled

    def without_keys(self) -> DeploymentConfig:
        """As it may be recorded and shown."""
        return replace(self, primary_key=None, secondary_key=None)

    def for_trial(self, target: str) -> DeploymentConfig:
        """The same on ``target`` at a free port, for anybody who asks: what is only tried needs no keys."""
        return replace(
            self.without_keys(),
            target=target,
            port=None,
            auth_enabled=False,
            token_auth_enabled=False,
            ssl_cert_pem_file=None,
            ssl_key_pem_file=None,
            live=False,
            recorded_requests=0,
        )

    def _check_access(self) -> None:
        if self.auth_enabled and self.token_auth_enabled:
            raise InvalidConfig(
                "token_auth_enabled",
                True,
                "excludes auth_enabled",
                hint="Keys or tokens: switch the other off (auth_enabled=False, --no-auth).",
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
                "needs the other file, too",
                hint="Give a certificate (--ssl-cert) and its key (--ssl-key).",
            )


def check_origins(origins: str) -> None:
    """Raises `InvalidConfig` for what is no list of origins."""
    for origin in filter(None, map(str.strip, origins.split(","))):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise InvalidConfig(
                "CORS origin", origin, "must be scheme://host[:port], or *", hint="Without a path or a slash."
            )


MOST_RECORDED_REQUESTS = 100_000


def check_positive(name: str, value: float | None) -> None:
    """A number of cores or gigabytes is above zero (or not given)."""
    # `not value > 0` and not `value <= 0`: it refuses NaN too.
    if value is not None and not value > 0:
        raise InvalidConfig(name, value, "must be above 0")
