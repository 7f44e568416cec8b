"""What a deployment asks for: resources, the entry script, the place."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mlmagic.errors import InvalidConfig

DEFAULT_CPU = 0.1
DEFAULT_MEMORY_GB = 0.5
DEFAULT_TARGET = "local"
DEFAULT_SCORING_TIMEOUT_MS = 60_000
DEFAULT_REQUEST_WAIT_MS = 500


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
    """The entry script and where it comes from: text from a cell, or a file in a source directory."""

    entry_script: str
    """File name of the script, relative to the source directory."""
    script_text: str | None = None
    """The script itself when it was captured from a cell; else it is read from the source directory."""
    source_directory: str | None = None
    """Folder that is served along with the script; a file script alone is served alone."""
    assets: Mapping[str, str] = field(default_factory=dict)
    """Path in the service -> file here, for files a captured script brings along."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Path in the service -> content, for small files that a generated script brings along."""
    requirements: tuple[str, ...] = ()
    """What the script imports, pinned, as pip writes it."""
    modules: tuple[str, ...] = ()
    """Installed modules that serving imports; those of the script itself are read off it when it is taken."""
    no_code: bool = False
    """The script was made for its models: it is made anew when they change."""
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
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InvalidConfig("port", self.port, "must be between 1 and 65535")


def check_positive(name: str, value: float | None) -> None:
    """A number of cores or gigabytes is above zero (or not given)."""
    # `not value > 0` and not `value <= 0`: it refuses NaN too.
    if value is not None and not value > 0:
        raise InvalidConfig(name, value, "must be above 0")
