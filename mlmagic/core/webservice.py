"""A web service: its record, its target's observations, and the table of its states.

    Transitioning --answers--> Healthy <--answers / does not--> Unhealthy
         |  \\--no room--> Unschedulable --room--> Transitioning
         \\--ended--> Failed                 Stopped: by request, until started again

Transitioning, Healthy, Unhealthy, Unschedulable and Failed are the states of Azure ML v1; Stopped is an
addition. `next_state` is the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from mlmagic.core.compiled_models import Compiled
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.endpoint import Endpoint, VersionFigures
from mlmagic.core.model import StoredFile
from mlmagic.core.replacements import Replacement, replacements_of
from mlmagic.errors import InvalidTransition


class State(StrEnum):
    """The state of a service, as users see it."""

    TRANSITIONING = "Transitioning"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    UNSCHEDULABLE = "Unschedulable"
    FAILED = "Failed"
    STOPPED = "Stopped"


UNDER_WAY = frozenset({State.TRANSITIONING, State.UNSCHEDULABLE})
"""The states in which a deploy, an update, a start or a stop is not complete yet."""


class Desired(StrEnum):
    """The state that the owner of a service wants."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class Phase(StrEnum):
    """The phase of a launched service, as its target observes it."""

    STARTING = "starting"
    RUNNING = "running"
    UNSCHEDULABLE = "unschedulable"
    EXITED = "exited"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of a launched service at one moment, as its target reports it.

    ``ready`` is the number of replicas that answer, ``words`` is a message for the user, and ``error`` is the
    record of the script's own failure: phase, type, message, traceback. A ``url`` while it is STARTING is
    called all the same, where only calls have replicas start.
    """

    phase: Phase
    url: str | None = None
    ready: int = 0
    words: str = ""
    error: Mapping[str, Any] | None = None
    idle: bool = False
    """Whether no replica runs because nobody calls: the next request starts them. It is not to be probed."""
    probe_url: str | None = None
    """Where its replicas are probed, if each request at ``url`` counts as a call; None: at ``url``."""

    @property
    def ended(self) -> bool:
        return self.phase in (Phase.EXITED, Phase.GONE)


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What a target needs to run one revision of a service. All paths are absolute."""

    name: str
    revision: int
    run_dir: str
    """The run folder of this revision: app/, azureml-models/, and what target and server write."""
    entry_script: str
    """Relative to ``app_dir``."""
    app_dir: str
    model_dir: str | None
    """The value of AZUREML_MODEL_DIR; None without models."""
    compiled_dir: str | None = field(default=None, kw_only=True)
    """The folder of the parts of compiled models, with the paths of the models' files; None without any."""
    python: str
    """The interpreter, for targets that run one of this machine."""
    wakeup_dir: str
    """The folder of the wake-up signals with which the server reports its changes."""
    config: DeploymentConfig
    modules: tuple[str, ...] = ()
    """The modules that the script and its models will import, as far as is known."""
    environment: Mapping[str, Any] | None = field(default=None, repr=False)
    """Its Azure ML v1 Environment, as JSON values; None is the environment of the kernel that deployed it."""
    requirements: tuple[str, ...] = ()
    """Without an environment: the pinned requirements of script and models, as pip writes them."""
    preferred_port: int | None = None
    """The former port of the service, to be kept if it is free."""
    predecessor: str | None = None
    """The run folder of the revision that serves now, and hands its port over."""
    server_path: str | None = None
    """A folder with the scoring server, for PYTHONPATH, if it is not installed for ``python``."""
    keys_file: str | None = None
    """The file with the keys of callers, which may change at any time; None without authentication."""
    routes_file: str | None = None
    """Of an endpoint: the file with its versions, which may change at any time. It has no script."""
    model: str = ""
    """The first model, ``name:version``; empty without models."""
    collection_folder: str | None = None
    """Where a service of this machine collects data, unless its configuration names a store."""
    trial: bool = False
    """Whether this is a trial for a profile: with limited CPU and memory, and ended with its launcher."""


@dataclass(frozen=True, slots=True)
class Revision:
    """The request of one deploy or update: immutable, numbered from 1 per service."""

    number: int
    models: tuple[str, ...]
    """Model ids, ``name:version``."""
    inference: InferenceConfig
    files: tuple[StoredFile, ...]
    """The files of the source directory, the script included."""
    config: DeploymentConfig
    python: str
    compiled: Compiled = field(default_factory=dict)
    """What it serves of its models as compiled to ONNX, and what it cannot although that is wanted."""

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """The versions that are used in place of those of the environment."""
        return replacements_of(self.inference.environment)


@dataclass(frozen=True, slots=True)
class Retiring:
    """A revision that no longer serves, and the target's handle of it."""

    revision: int
    handle: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Webservice:
    """The record of a service in its workspace."""

    id: str
    name: str
    target: str
    desired: Desired
    state: State
    revision: int
    """The revision that the owner wants."""
    created_time: float
    updated_time: float
    serving: int | None = None
    """The revision that serves requests; None while none does."""
    handle: Mapping[str, Any] | None = None
    """The target's handle of the serving revision."""
    candidate: int | None = None
    """The revision that is starting and not serving yet."""
    candidate_handle: Mapping[str, Any] | None = None
    retiring: tuple[Retiring, ...] = ()
    """Former revisions that are to be stopped and removed."""
    url: str | None = None
    """The URL of the serving revision, such as http://127.0.0.1:5001; kept when it stops."""
    words: str = ""
    """The last message of the target or the engine."""
    error: Mapping[str, Any] | None = None
    """The error of a failed service: phase, type, message, traceback; or message alone."""
    restarts: int = 0
    """The number of restarts since the last deploy."""
    models: tuple[str, ...] = ()
    """Model ids of the wanted revision."""
    machine: str | None = None
    """The only machine that can run the service; None if any can."""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    replacements: tuple[Replacement, ...] = ()
    """The versions that the wanted revision uses in place of those of its environment."""
    compiled: Compiled = field(default_factory=dict)
    """The models that the wanted revision is to serve compiled to ONNX, and for each why it cannot, if so."""
    replicas: int | None = None
    """How many replicas its owner wants; None: one, or as many as an autoscaler wants."""
    stats: Mapping[str, float] = field(default_factory=dict)
    """The last usage metrics: requests, errors, p50_ms and p99_ms from the server; requests_per_second,
    replicas; cpu_cores and memory_bytes where the target measures them."""
    endpoint: Endpoint | None = None
    """The versions that it gives requests to, if it is an endpoint; None: it answers them itself."""
    version_figures: Mapping[str, VersionFigures] = field(default_factory=dict)
    """Of an endpoint, what each version has answered in the last minutes."""
    lease_token: int = field(default=0, repr=False)
    """Grows with each supervisor that takes the service over; only the newest one's writes count."""

    @property
    def scoring_uri(self) -> str | None:
        return f"{self.url}/score" if self.url else None

    def is_reachable_from(self, machine: str) -> bool:
        """Whether its address can be called from ``machine``: a loopback address only from its own."""
        return not self.has_loopback_address or self.machine in (None, machine)

    @property
    def has_loopback_address(self) -> bool:
        """Whether only the machine that it runs on can call it."""
        host = urlsplit(self.url or "").hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    @property
    def never_came_up(self) -> bool:
        """Whether its deploy failed and no revision serves: a new deploy of the name replaces it."""
        return self.state is State.FAILED and self.serving is None

    @property
    def is_under_way(self) -> bool:
        """Whether a deploy, an update, a start or a stop is not complete yet."""
        return self.state in UNDER_WAY

    @property
    def docs_uri(self) -> str | None:
        """The page of the API reference, for a browser."""
        return f"{self.url}/docs" if self.url else None

    @property
    def swagger_uri(self) -> str | None:
        return f"{self.url}/swagger.json" if self.url else None


_AFTER_SERVING = frozenset({State.HEALTHY, State.UNHEALTHY, State.UNSCHEDULABLE, State.FAILED})
MOVES: Mapping[State, frozenset[State]] = {
    State.TRANSITIONING: frozenset(State),
    State.UNSCHEDULABLE: _AFTER_SERVING | {State.TRANSITIONING},
    State.HEALTHY: _AFTER_SERVING,
    State.UNHEALTHY: _AFTER_SERVING,
    State.FAILED: frozenset({State.FAILED}),
    State.STOPPED: frozenset({State.STOPPED}),
}
"""The states that may follow a state by observation. A deploy, start or stop leads to Transitioning."""


def check_move(before: State, after: State) -> None:
    """Raise `InvalidTransition` if no observation may lead from ``before`` to ``after``."""
    if after not in MOVES[before]:
        raise InvalidTransition(before, after)


def next_state(state: State, observation: Observation, answering: bool | None) -> State:
    """The state of a service after one observation.

    ``answering`` is the result of the engine's probe ``GET /``: True, False, or None if there was no URL to
    probe. Failed and Stopped are final: only a new deploy or start leaves them.
    """
    if state in (State.FAILED, State.STOPPED):
        return state
    match observation.phase:
        case Phase.UNKNOWN:
            return state
        case Phase.UNSCHEDULABLE:
            return State.UNSCHEDULABLE
        case Phase.EXITED | Phase.GONE:
            # A service that was Healthy once is restarted; one that never was, fails at once.
            return State.FAILED if state in UNDER_WAY else State.UNHEALTHY
        case Phase.STARTING:
            return State.TRANSITIONING if state is State.UNSCHEDULABLE else state
        case Phase.RUNNING:
            if answering:
                return State.HEALTHY
            if answering is False and state is State.HEALTHY:
                return State.UNHEALTHY
            return State.TRANSITIONING if state is State.UNSCHEDULABLE else state
