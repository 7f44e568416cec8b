"""Profiles: measure a service under load at several sizes, and recommend one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.core.compiled_models import chosen
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.environment import needs_of
from mlmagic.core.names import ModelReference
from mlmagic.core.notify import Notify, silent
from mlmagic.core.profile import Profile, ProfilePlan, ProfileState, size_in_words
from mlmagic.core.profile_record import profile_of, record_of
from mlmagic.core.replacements import with_replacements
from mlmagic.core.sizing import recommend
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine import staging
from mlmagic.engine.environments.builds import ready_for
from mlmagic.engine.environments.runtime import runtime_for
from mlmagic.engine.models.models import Models
from mlmagic.engine.profiles.interleaving import interleaved
from mlmagic.engine.profiles.trial import Trial
from mlmagic.engine.requirements import completed, with_compiled
from mlmagic.engine.scripts import sources
from mlmagic.engine.scripts.scripts import Scripts
from mlmagic.engine.services.temporary_work import TemporaryWork, WorkItem
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import assets
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.unfinished_records import as_they_are, remove

KIND = "profile"
TAGS = ("requestedCpu", "requestedMemoryInGB")


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a running profile."""

    words: str
    done: float
    """From 0 to 1."""
    seconds_left: float
    """An estimate of the longest remaining time."""


OnProgress = Callable[[Progress, Profile], None]


def _unwatched(_progress: Progress, _profile: Profile) -> None:
    """Watch nothing."""


class Profiles:
    """The profiles of one workspace."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        models: Models,
        scripts: Scripts,
        temporary_work: TemporaryWork,
    ) -> None:
        self._memory, self._targets = memory, targets
        self._models, self._scripts, self._temporary_work = models, scripts, temporary_work

    def measure(
        self,
        plan: ProfilePlan,
        model_names: Sequence[str | ModelReference],
        inference: InferenceConfig | None,
        rows: Sequence[bytes],
        *,
        config: DeploymentConfig | None = None,
        dataset_id: str | None = None,
        watching: OnProgress = _unwatched,
        notify: Notify = silent,
    ) -> Profile:
        """Measure a service of these models at each size of the plan; returns the recorded profile.

        Each of ``rows`` is a request's body. ``config`` has the other settings of the service. Results are
        saved after the first round of each size, at the end, and when the profile is interrupted. Raises only
        for errors known beforehand; a service that fails is recorded in the profile.
        """
        if not rows:
            raise InvalidConfig(
                "input dataset", rows, "must have at least one row", hint="Each row is a request body."
            )
        target = self._targets.usable(plan.target)
        used = self._models.find_all(model_names)
        notify(plan.duration_in_words)
        inference = inference or self._scripts.no_code(model_names)
        held = _trial_config(config or DeploymentConfig(), plan)
        compiled = chosen(used, held.compile)
        needs = completed(needs_of(inference.environment), inference, used, self._memory.files)
        needs = with_compiled(needs, compiled)
        runtime = runtime_for(target, needs, notify, nearest=True)
        self._models.report_mismatches(used, runtime, notify)
        with (
            self._temporary_work.begin("profile") as work,
            self._memory.files.intake() as intake,
        ):
            folder = work.folder
            files, inference = sources.take(intake, inference)
            intake.copy_out(files, folder / "app")
            ready = ready_for(target, runtime.python, inference.environment, folder, notify)
            written = inference.environment
            if inference.environment is not None:
                used_environment = with_replacements(inference.environment, ready.replacements)
                inference = replace(inference, environment=used_environment)
            service = f"profile-{plan.name}"[:32].lower()
            spec = replace(
                staging.scratch_spec(self._memory, folder, service, inference, used, held, compiled),
                python=ready.python,
                server_path=ready.server_path,
                trial=True,
            )
            spec = staging.with_trial_key(spec, target)
            begun = Profile(
                plan,
                ProfileState.RUNNING,
                tuple(model.id for model in used),
                time.time(),
                len(rows),
                environment=written,
                dataset_id=dataset_id,
            )
            return self._measure(work, target, spec, begun, rows, watching)

    def get(self, name: str, version: int | None = None) -> Profile:
        """A profile by name, the newest version by default; raises `NotFound`."""
        with self._memory.reading() as tx:
            [record] = as_they_are(tx, [assets.get(tx, KIND, name, version)])
        return profile_of(record)

    def delete(self, name: str) -> None:
        """Delete all versions of a profile. Raises `NotFound`, and `WrongState` while one is being made."""
        with self._memory.writing() as tx:
            remove(tx, KIND, name)

    def tag_models(self, profile: Profile) -> None:
        """Write the recommended size to the models' tags, as Azure ML v1's guide does."""
        advice = profile.recommendation
        if advice is None:
            raise NotFound("recommendation", profile.name, hint="No size that was measured answered.")
        size = dict(zip(TAGS, (f"{advice.cpu:g}", f"{advice.memory_gb:g}"), strict=True))
        for model_id in profile.models:
            model = self._models.get(model_id)
            self._models.change(model_id, tags={**model.tags, **size})

    # -- inside ---------------------------------------------------------------------------------------

    def _measure(
        self,
        work: WorkItem,
        target: ComputeTarget[Any],
        spec: ServiceSpec,
        profile: Profile,
        rows: Sequence[bytes],
        watching: OnProgress,
    ) -> Profile:
        plan = profile.plan
        with self._memory.writing() as tx:
            asset = assets.add(tx, KIND, plan.name, record_of(profile))
            assets.keep_newest(tx, KIND, plan.name)
            work.unfinished(tx, asset, state=ProfileState.CANCELED.value, words="")
        version = asset.version
        trials: list[Trial] = []
        clock = _Clock(plan.longest_seconds)

        def report(at: str, words: str) -> None:
            nonlocal profile
            profile = replace(profile, words=f"{at}: {words}")
            watching(clock.tick(profile.words, sum(trial.steps_left for trial in trials)), profile)

        for number, (cpu, memory_gb) in enumerate(plan.sizes, 1):
            at = f"{size_in_words(cpu, memory_gb)} (size {number} of {len(plan.sizes)})"
            run_dir = Path(spec.run_dir) / f"size{number}"
            run_dir.mkdir()
            tried = replace(
                spec,
                run_dir=str(run_dir),
                wakeup_dir=str(run_dir),
                config=replace(spec.config, cpu=cpu, memory_gb=memory_gb),
            )
            trials.append(Trial(work, target, tried, plan, rows, partial(report, at)))
        try:
            with ExitStack() as ending:
                for trial in trials:
                    ending.callback(trial.close)
                for _ in interleaved(trials, _free_bytes):
                    profile = _with(profile, trials)
                    self._keep(version, profile)
        except KeyboardInterrupt:
            profile = canceled(_with(profile, trials))
        else:
            profile = ended(_with(profile, trials))
        self._keep(version, profile)
        watching(Progress(str(profile.state), 1.0, 0.0), profile)
        return profile

    def _keep(self, version: int, profile: Profile) -> None:
        with self._memory.writing() as tx:
            assets.replace(tx, KIND, profile.name, version, record_of(profile))

    def list(self) -> list[Profile]:
        """The newest version of each profile."""
        with self._memory.reading() as tx:
            return [profile_of(each) for each in as_they_are(tx, assets.newest_of_each(tx, KIND))]


def canceled(profile: Profile) -> Profile:
    """An interrupted profile, with its results until then."""
    return replace(profile, state=ProfileState.CANCELED, error="it was interrupted", words="")


def ended(profile: Profile) -> Profile:
    """A profile whose sizes have all been tried: Succeeded if any of them answered."""
    if any(load.successes for size in profile.sizes for load in size.loads):
        return replace(profile, state=ProfileState.SUCCEEDED, words="")
    errors = [size.error for size in profile.sizes if size.error]
    answers = [failure for size in profile.sizes for failure in size.failures]
    errors += [f"status {answer.status}: {answer.body}" for answer in answers]
    return replace(profile, state=ProfileState.FAILED, error=[*errors, "no answer"][0], words="")


def _with(profile: Profile, trials: Sequence[Trial]) -> Profile:
    sizes = tuple(trial.result() for trial in trials if trial.has_result)
    advice = recommend(sizes, profile.plan.goal, profile.plan.prices)
    return replace(profile, sizes=sizes, recommendation=advice)


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _trial_config(config: DeploymentConfig, plan: ProfilePlan) -> DeploymentConfig:
    """The settings of a trial, with long waits allowed, since they are measured."""
    return replace(config.for_trial(plan.target), max_request_wait_time=config.scoring_timeout_ms)


class _Clock:
    """Computes progress and remaining time from the number of steps left."""

    def __init__(self, seconds_each: float) -> None:
        self._steps, self._each = 0, seconds_each
        self._began = time.monotonic()

    def tick(self, words: str, left: int) -> Progress:
        self._steps = max(self._steps, left)
        taken = self._steps - left
        each = (time.monotonic() - self._began) / taken if taken else self._each
        return Progress(words, taken / self._steps, left * each)
