"""The jobs of a deploy form: refresh, deploy, profile. Long jobs run in a thread that only sets traits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psutil

from mlmagic.core.configuration import BYTES_PER_GB, InferenceConfig
from mlmagic.core.model import Model
from mlmagic.core.profile import Profile, ProfilePlan, ProfileState, parse_rate
from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.errors import Interrupted, MLMagicError, NotFound
from mlmagic.sdk.background import Background
from mlmagic.sdk.profile import planned
from mlmagic.sdk.request_bodies import bodies, dataset_id_of
from mlmagic.widgets.form.notebook import Notebook
from mlmagic.widgets.form.state import FormState
from mlmagic.widgets.form.validation import Available
from mlmagic.widgets.form.values import FormValues

SECONDS = 2.0
"""The time of each load of a profile: the default of `%profile`."""


class FormJobs:
    """The jobs of one form, with its engine and notebook."""

    def __init__(self, engine: Engine, notebook: Notebook, state: FormState) -> None:
        self._engine, self._notebook, self._state = engine, notebook, state
        self._cancelled = threading.Event()

    def refresh(self) -> None:
        """Read again what is available."""
        engine = self._engine
        models = sorted(engine.models.list(), key=_newest_first)
        targets = engine.targets.availability(self._notebook.target)
        self._state.available = Available(
            models=tuple(model.id for model in models),
            scripts=tuple(self._notebook.script_names),
            environments=tuple(
                f"{each.name}:{version}"
                for each in engine.environments.list()
                for version in reversed(engine.environments.versions(each.name))
            ),
            targets=targets,
            services={each.name: each.state for each in engine.services.list() if not each.never_came_up},
            recorded=tuple(engine.requests.recording_services()),
            sampled=frozenset(model.id for model in models if model.details.sample_input is not None),
            cores=os.cpu_count() or 0,
            memory_gb=psutil.virtual_memory().total / BYTES_PER_GB,
            targets_here=frozenset(
                name
                for name, why in targets.items()
                if not why and engine.targets.get(name).runs_on_this_machine()
            ),
            not_a_dataset=self._notebook.not_a_dataset,
        )

    def find_advice(self) -> None:
        """Find the newest profile of these models that has a recommendation."""
        wanted = set(self._state.models)
        fitting = [
            each
            for each in self._engine.profiles.list()
            if wanted and set(each.models) == wanted and each.recommendation is not None
        ]
        self._state.advice = max(fitting, key=lambda each: each.created_time, default=None)

    def deploy(self) -> None:
        """Deploy the content of the form as `%deploy` would; returns at once."""
        values, state = self._state.values, self._state
        state.error = ""

        def work(inference: InferenceConfig | None) -> None:
            record = self._engine.services.deploy(
                values.service,
                values.models,
                inference,
                values.config,
                overwrite=values.overwrite,
                notify=self._note,
                environment=self._environment(values),
            )
            state.record = record
            try:
                state.record = self._engine.services.wait_or_withdraw(
                    record, self._notebook.timeout, watching=self._watch
                )
            except Interrupted:
                state.record = self._still_there(record)
                raise
            state.deployed = True

        self._begin(f"Deploying {values.service}", "error", lambda: self._notebook.inference(values), work)

    def profile(self) -> None:
        """Profile the content of the form as `%profile` would; returns at once."""
        values, state, wish = self._state.values, self._state, self._state.wish
        state.profile_error, state.profiling = "", None

        def prepare() -> tuple[ProfilePlan, Any, InferenceConfig | None]:
            # The memory that the form shows; and its CPU cores, if they are chosen.
            chosen_cpu = values.given.get("cpu_cores")
            plan = planned(
                values.models[0].partition(":")[0] if values.models else values.service,
                cpu=None if chosen_cpu is None else str(chosen_cpu),
                memory=str(values.config.memory_gb),
                p99=wish.p99.strip() or None,
                rps=parse_rate("rps", wish.rps.strip() or None),
                core_price=None,
                gb_price=None,
                seconds=SECONDS,
                target=values.target,
            )
            given = None
            if not wish.recorded_by:
                given = self._notebook.requests(wish.dataset, values.models, self._note)
            return plan, given, self._notebook.inference(values)

        def work(prepared: tuple[ProfilePlan, Any, InferenceConfig | None]) -> None:
            plan, given, inference = prepared
            if wish.recorded_by:
                given = self._engine.requests.to_replay(wish.recorded_by)
            environment = self._environment(values)
            if environment is not None:
                script = inference or self._engine.scripts.no_code(values.models)
                inference = replace(script, environment=environment)
            made = self._engine.profiles.measure(
                plan,
                values.models,
                inference,
                bodies(given),
                config=values.config,
                dataset_id=dataset_id_of(given),
                watching=self._watch_profile,
                notify=self._note,
            )
            if made.recommendation is not None:
                state.advice = made

        self._begin("Profiling", "profile_error", prepare, work)

    def cancel(self) -> None:
        """Undo the running deploy, or end the running profile."""
        self._cancelled.set()

    def _begin(self, what: str, trait: str, prepare: Callable[[], Any], work: Callable[[Any], None]) -> None:
        """Run ``prepare`` here, for the notebook's variables, and ``work`` in a thread. Errors: ``trait``."""
        self._state.record, self._state.notes, self._state.deployed = None, [], False
        self._state.job = "deploy" if trait == "error" else "profile"
        self._state.began, self._state.busy = time.time(), what
        self._cancelled.clear()
        with self._errors_to(trait):
            prepared = prepare()
            Background(lambda _: self._run(trait, partial(work, prepared)), what)
            return
        self._state.busy = ""

    def _run(self, trait: str, work: Callable[[], None]) -> None:
        with self._errors_to(trait):
            work()
        if getattr(self._state, trait):  # what is available may have changed
            with self._errors_to(trait):
                self.refresh()
        self._state.busy = ""

    @contextmanager
    def _errors_to(self, trait: str) -> Iterator[None]:
        """Show an exception in the form: a thread or a button has no output of its own."""
        try:
            yield
        except MLMagicError as error:
            setattr(self._state, trait, str(error))
        except Exception as error:
            setattr(self._state, trait, f"{type(error).__name__}: {error}")

    def _still_there(self, record: Webservice) -> Webservice | None:
        try:
            return self._engine.services.get(record.name)
        except NotFound:
            return None

    def _environment(self, values: FormValues) -> Any:
        return self._engine.environments.get(values.environment).record if values.environment else None

    def _note(self, line: str) -> None:
        self._state.notes = [*self._state.notes, line]

    def _watch(self, service: Webservice) -> None:
        self._state.record = service
        if self._cancelled.is_set():
            raise KeyboardInterrupt  # as Ctrl-C does in a cell

    def _watch_profile(self, progress: Progress, profile: Profile) -> None:
        self._state.profiling = (progress, profile)
        if self._cancelled.is_set() and profile.state is ProfileState.RUNNING:
            raise KeyboardInterrupt


def _newest_first(model: Model) -> tuple[str, int]:
    return model.name, -model.version
