"""`ModelProfile`: a profile that is being made, or was, as in the first SDK."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.core import profile as core
from mlmagic.core.configuration import BYTES_PER_GB, DeploymentConfig
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.profile_record import details
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.errors import InvalidConfig, MLMagicError
from mlmagic.sdk.background import Background
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.references import references
from mlmagic.sdk.rows import bodies, dataset_id_of

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.model import Model
    from mlmagic.sdk.workspace import Workspace

Profiles = list["ModelProfile"]
Sizes = float | Sequence[float] | None


@raises(WebserviceException)
class ModelProfile:
    """A profile by its name: what `Model.profile` returns, or one that is kept."""

    def __init__(self, workspace: Workspace, name: str, **more: Any) -> None:
        self.workspace = workspace
        self._record = workspace.engine.profiles.get(name)
        self._work: Background | None = None
        self._cancelled = threading.Event()

    @staticmethod
    def list(workspace: Workspace) -> Profiles:
        """The newest of each name."""
        return [ModelProfile.of(workspace, record) for record in workspace.engine.profiles.list()]

    @classmethod
    def of(cls, workspace: Workspace, record: core.Profile) -> ModelProfile:
        """The handle of a profile as it is kept."""
        made = cls.__new__(cls)
        made.workspace, made._record = workspace, record
        made._work, made._cancelled = None, threading.Event()
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self._record.name

    @property
    def state(self) -> str:
        """Running, Succeeded, Failed, or Canceled."""
        return str(self._record.state)

    @property
    def record(self) -> core.Profile:
        """All that was measured, at each size: see `mlmagic.core.profile.Profile`."""
        return self._record

    @property
    def recommendation(self) -> core.Recommendation | None:
        """The size to take, and why; None where nothing answered."""
        return self._record.recommendation

    def wait_for_completion(self, show_output: bool = False) -> None:
        """Return when it has ended. One that failed is told as a warning, as in the first SDK."""
        if self._work is not None:
            self._work.wait((lambda: self._record.words) if show_output else None)
        if show_output:
            print(f"Profile {self.name}: {self.state}")
        if self._record.state is core.ProfileState.FAILED:
            warnings.warn(f"profile {self.name!r} has failed: {self._record.error}", stacklevel=2)

    def cancel(self) -> None:
        """End it after the load that is being made; what was measured is kept."""
        self._cancelled.set()
        self.wait_for_completion()

    def get_details(self) -> dict[str, Any]:
        """The documents' keys, from ``requestedCpu`` to ``recommendedMemoryInGB``; those with a value."""
        return details(self._record)

    def serialize(self) -> dict[str, Any]:
        """`get_details`, with the dataset, the models and the environment."""
        return {
            **self.get_details(),
            "id": self.name,
            "inputDatasetId": self._record.dataset_id,
            "modelIds": list(self._record.models),
            "environment": self._record.environment,
        }

    def tag_models(self) -> None:
        """Write the recommendation to the models' tags requestedCpu and requestedMemoryInGB."""
        self.workspace.engine.profiles.tag_models(self._record)

    def _start(
        self,
        inference: CoreInferenceConfig | None,
        config: DeploymentConfig | None,
        rows: Sequence[bytes],
    ) -> None:
        engine, plan, models = self.workspace.engine, self._record.plan, self._record.models
        dataset = self._record.dataset_id

        def run(work: Background) -> None:
            def watch(progress: Progress, profile: core.Profile) -> None:
                self._record = profile
                work.begin()
                if self._cancelled.is_set() and profile.state is core.ProfileState.RUNNING:
                    raise KeyboardInterrupt

            try:
                self._record = engine.profiles.measure(
                    plan, models, inference, rows, config=config, dataset_id=dataset, watching=watch
                )
            except MLMagicError as error:
                self._record = replace(self._record, state=core.ProfileState.FAILED, error=str(error))
                raise

        self._work = Background(run, f"profile {self.name}")
        self._work.wait_for_begin()

    def __repr__(self) -> str:
        return f"ModelProfile(name={self.name!r}, state={self.state!r}, recommendation={self.recommendation})"


def begin(
    workspace: Workspace,
    profile_name: str,
    models: Iterable[str | Model],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    input_dataset: Any,
    cpu: Sizes,
    memory_in_gb: Sizes,
    description: str | None,
    *,
    goal: core.Goal,
    prices: core.Prices | None,
    seconds: float,
    target: str,
) -> ModelProfile:
    """See `mlmagic.sdk.model.Model.profile`."""
    from mlmagic.sdk.inference import InferenceConfig

    if input_dataset is None:
        raise InvalidConfig("input_dataset", None, "must be given", hint="Each row is a request's body.")
    engine = workspace.engine
    plan = core.ProfilePlan(
        profile_name,
        sizes(cpu) or default_cpus(),
        sizes(memory_in_gb) or (default_memory_gb(),),
        goal=goal,
        prices=prices,
        seconds=seconds,
        target=target,
        description=description or "",
    )
    rows = bodies(input_dataset)
    config = DeploymentConfig(target)
    script = inference_config
    if isinstance(script, InferenceConfig):
        script, config = script.for_engine(config)
    named = tuple(engine.models.get(reference).id for reference in references(engine, models))
    begun = core.Profile(plan, core.ProfileState.RUNNING, named, 0.0, dataset_id=dataset_id_of(input_dataset))
    made = ModelProfile.of(workspace, begun)
    made._start(script, config, rows)
    return made


def planned(
    name: str,
    *,
    cpu: str | None,
    memory: str | None,
    p99: str | None,
    rps: float | None,
    core_price: float | None,
    gb_price: float | None,
    seconds: float,
    target: str,
    description: str = "",
) -> core.ProfilePlan:
    """What the options of a line ask for. Raises `InvalidConfig` or `InvalidConfigs`."""
    priced = core_price is not None or gb_price is not None
    return core.ProfilePlan(
        name,
        core.parse_sizes("cpu", cpu) or default_cpus(),
        core.parse_sizes("memory", memory) or (default_memory_gb(),),
        goal=core.Goal(core.parse_milliseconds("p99", p99), requests_per_second=rps),
        prices=core.Prices(core_price or 0.0, gb_price or 0.0) if priced else None,
        seconds=seconds,
        target=target,
        description=description,
    )


def sizes(given: Sizes) -> tuple[float, ...]:
    """One or several numbers, or none."""
    if given is None:
        return ()
    try:
        return tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)
    except (TypeError, ValueError):
        raise InvalidConfig("size", given, "must be a number, or a list of numbers") from None


def default_cpus() -> tuple[float, ...]:
    """What is tried on this machine where nothing is named, in cores."""
    import os

    return core.default_cpus(float(os.cpu_count() or 1))


def default_memory_gb() -> float:
    """What is allowed on this machine where nothing is named."""
    import psutil

    return core.default_memory_gb(psutil.virtual_memory().available / BYTES_PER_GB)
