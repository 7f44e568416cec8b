"""`ModelProfile`: measurements of a service under load, finished or in progress."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlmagic.core import profile as core
from mlmagic.core.configuration import BYTES_PER_GB, DeploymentConfig
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.profile_record import details
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.sdk.background import Background, BackgroundRecord
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_references import ModelLike, model_ids
from mlmagic.sdk.request_bodies import bodies, dataset_id_of
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    from mlmagic.engine.profiles.profiles import Progress

Profiles = list["ModelProfile"]
Sizes = float | Sequence[float] | None


@raises(WebserviceException)
class ModelProfile(BackgroundRecord[core.Profile]):
    """A profile, found by its name or returned by `Model.profile`."""

    def __init__(self, workspace: WorkspaceBase, name: str, **more: Any) -> None:
        self._open(workspace, workspace.engine.profiles.get(name))

    def _open(self, workspace: WorkspaceBase, record: core.Profile) -> None:
        super()._open(workspace, record)
        self._cancelled = threading.Event()

    @staticmethod
    def list(workspace: WorkspaceBase) -> Profiles:
        """The newest profile of each name."""
        return [ModelProfile.of(workspace, record) for record in workspace.engine.profiles.list()]

    @property
    def record(self) -> core.Profile:
        """All measurements, at each size of CPU and memory: see `mlmagic.core.profile.Profile`."""
        return self._record

    @property
    def recommendation(self) -> core.Recommendation | None:
        """The recommended CPU and memory, and why; None if no size succeeded."""
        return self._record.recommendation

    def wait_for_completion(self, show_output: bool = False) -> None:
        """Wait until the profile has ended. A failure is a warning, as in Azure ML v1."""
        self._wait((lambda: self._record.words) if show_output else None)
        if show_output:
            print(f"Profile {self.name}: {self.state}")
        if self._record.state is core.ProfileState.FAILED:
            warnings.warn(f"profile {self.name!r} failed: {self._record.error}", stacklevel=2)

    def wait_for_profiling(self, show_output: bool = False) -> None:
        """`wait_for_completion`, by its name of 2019."""
        self.wait_for_completion(show_output)

    def cancel(self) -> None:
        """Stop after the load in progress; the measurements so far are kept."""
        self._cancelled.set()
        self.wait_for_completion()

    def get_details(self) -> dict[str, Any]:
        """Azure ML v1's keys that have a value, from ``requestedCpu`` to ``recommendedMemoryInGB``."""
        return Details(details(self._record))

    def get_results(self) -> dict[str, Any]:
        """The recommended size, with the keys of 2019: ``cpu`` in cores and ``memoryInGB``.

        Raises `WebserviceException` while there is no recommendation. Source: the profiling guide of
        azureml-core 1.0.
        """
        advice = self.recommendation
        if advice is None:
            raise NotFound(
                "recommendation of profile",
                self.name,
                hint=f"It is {self.state}. Call wait_for_completion() first."
                if self._record.state is core.ProfileState.RUNNING
                else "No size that was measured answered. See get_details()['error'].",
            )
        return {"cpu": advice.cpu, "memoryInGB": advice.memory_gb}

    def serialize(self) -> dict[str, Any]:
        """`get_details` with the dataset, the models and the environment."""
        return {
            **self.get_details(),
            "id": self.name,
            "inputDatasetId": self._record.dataset_id,
            "modelIds": list(self._record.models),
            "environment": self._record.environment,
        }

    def tag_models(self) -> None:
        """Set the models' tags requestedCpu and requestedMemoryInGB to the recommendation."""
        self.workspace.engine.profiles.tag_models(self._record)

    def _start(
        self,
        inference: CoreInferenceConfig | None,
        config: DeploymentConfig | None,
        rows: Sequence[bytes],
    ) -> None:
        engine, plan, models = self.workspace.engine, self._record.plan, self._record.models
        dataset = self._record.dataset_id

        def work(background: Background) -> core.Profile:
            def watch(progress: Progress, profile: core.Profile) -> None:
                self._record = profile
                background.begin()
                if self._cancelled.is_set() and profile.state is core.ProfileState.RUNNING:
                    raise KeyboardInterrupt

            return engine.profiles.measure(
                plan, models, inference, rows, config=config, dataset_id=dataset, watching=watch
            )

        self._begin(f"profile {self.name}", work, core.ProfileState.FAILED)

    def __repr__(self) -> str:
        return f"ModelProfile(name={self.name!r}, state={self.state!r}, recommendation={self.recommendation})"


class Details(dict[str, Any]):
    """The details of a profile. Keys are found in any case, such as ``requestedMemoryInGb``."""

    def __missing__(self, key: str) -> Any:
        for known, value in self.items():
            if known.lower() == str(key).lower():
                return value
        raise KeyError(key)


def begin(
    workspace: WorkspaceBase,
    profile_name: str,
    models: Iterable[ModelLike],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    input_dataset: Any,
    cpu: Sizes,
    memory_in_gb: Sizes,
    description: str | None,
    *,
    goal: core.Goal,
    prices: core.Prices | None,
    seconds: float | None,
    target: str,
) -> ModelProfile:
    """Start to measure; see `mlmagic.sdk.model.Model.profile`."""
    if input_dataset is None:
        raise InvalidConfig("input_dataset", None, "must be given", hint="Each row is the body of a request.")
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
    named = tuple(engine.models.get(reference).id for reference in model_ids(engine, models))
    begun = core.Profile(plan, core.ProfileState.RUNNING, named, 0.0, dataset_id=dataset_id_of(input_dataset))
    made = ModelProfile.of(workspace, begun)
    show_line(plan.duration_in_words)
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
    seconds: float | None,
    target: str,
    description: str = "",
) -> core.ProfilePlan:
    """The plan that the options of a command line describe. Raises `InvalidConfig` or `InvalidConfigs`."""
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
    """One number or several as a tuple; empty for None."""
    if given is None:
        return ()
    try:
        return tuple(map(float, given)) if isinstance(given, Sequence) else (float(given),)
    except (TypeError, ValueError):
        raise InvalidConfig("size", given, "must be a number, or a list of numbers") from None


def default_cpus() -> tuple[float, ...]:
    """The CPU cores to measure by default on this machine."""
    import os

    return core.default_cpus(float(os.cpu_count() or 1))


def default_memory_gb() -> float:
    """The memory (GB) to measure with by default on this machine."""
    import psutil

    return core.default_memory_gb(psutil.virtual_memory().available / BYTES_PER_GB)
