"""The interpreters of services: ready, or being built while the services wait."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.environment import needs_of
from mlmagic.core.replacements import Replacement, replacements_of
from mlmagic.engine.environments.background_jobs import BackgroundJob, BackgroundJobs
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.image_pins import with_available_versions
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.targets.base import ComputeTarget, Report


@dataclass(frozen=True, slots=True)
class Ready:
    """An interpreter that can be started."""

    python: str
    server_path: str | None = None
    """The scoring server's folder for PYTHONPATH, where the interpreter does not have mlmagic installed."""
    notes: tuple[str, ...] = ()
    """The build's lines of progress; empty if the environment existed."""
    replacements: tuple[Replacement, ...] = ()
    """The versions that were installed in place of pins."""


def ready_for(
    target: ComputeTarget[Any],
    python: str,
    environment: Mapping[str, Any] | None,
    run_dir: Path,
    report: Report,
) -> Ready:
    """The interpreter for a run on ``target``; its environment is built first, if it has one of its own.

    The nearest versions are used for what cannot be installed.
    """
    if not target.capabilities.runs_interpreter:
        available = with_available_versions(environment, accepted=True, notify=report)
        return Ready(python, replacements=replacements_of(available))
    return build_and_wait(python, environment, run_dir, report)


def build_and_wait(
    python: str, environment: Mapping[str, Any] | None, run_dir: Path, report: Report
) -> Ready:
    """The interpreter of an environment; returns when it is built.

    Raises what the build raises.
    """
    jobs = BackgroundJobs()
    builds = Builds(jobs)
    try:
        while isinstance(found := builds.look("", python, environment, run_dir), BackgroundJob):
            found.done.wait(timeout=0.5)
            report(found.words)
        return found
    finally:
        jobs.close()


class Builds:
    """Builds of the environments that services wait for, in one store."""

    def __init__(self, jobs: BackgroundJobs, store: Store | None = None) -> None:
        self._jobs = jobs
        self._store = store

    @property
    def store(self) -> Store:
        """The store of built environments; opened when it is first needed."""
        if self._store is None:
            self._store = Store()
        return self._store

    def look(
        self, service_id: str, python: str, environment: Mapping[str, Any] | None, run_dir: Path
    ) -> Ready | BackgroundJob:
        """The interpreter of a revision, or the job that builds it; the first look starts the build.

        Raises what a failed build raised, once: the next look starts a new build.
        """
        key = self.store.key_of(python)
        if key is None:
            named = needs_of(environment)
            is_foreign = named.user_managed and str(Path(named.interpreter).expanduser().absolute()) == python
            return Ready(python, str(self.store.server()) if is_foreign else None)
        if not self._jobs.is_under_way(key) and self.store.is_built(key):
            return self._ready(key, run_dir)
        specification = self.store.wanted(key)
        if specification is None:  # the store was removed since
            chosen = choose(needs_of(environment), self.store, nearest=True, notify=lambda line: None)
            if chosen.specification is None:
                return Ready(chosen.python)
            specification = chosen.specification

        def build_it(report: Report, cancelled: threading.Event) -> None:
            build(specification, self.store, report, cancelled)

        job = self._jobs.look(service_id, key, "its environment", build_it)
        if not job.done.is_set():
            return job
        return self._ready(specification.key, run_dir, tuple(job.notes))

    def _ready(self, key: str, run_dir: Path, notes: tuple[str, ...] = ()) -> Ready:
        self.store.note_use(key, str(run_dir))
        found = self.store.replacements(key)
        return Ready(str(self.store.python(key)), str(self.store.server()), notes, found)
