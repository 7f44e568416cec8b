"""Launches the wanted revision of a service: stages it, builds its environment or image, and starts it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.core.replacements import Replacement, replacements_of, with_replacements
from mlmagic.core.webservice import ServiceSpec, Webservice
from mlmagic.engine import staging
from mlmagic.engine.endpoints import routes
from mlmagic.engine.environments.background_jobs import BackgroundJob, BackgroundJobs
from mlmagic.engine.environments.builds import Builds
from mlmagic.engine.environments.image_pins import replacements_for_image
from mlmagic.engine.services.reconcile.decisions import PORT_TAKEN
from mlmagic.engine.targets import Targets
from mlmagic.errors import BuildFailed, MLMagicError, PortTaken
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

BUILD = "environment"
"""The phase of a failure before there was anything to start."""
NOTES_KEPT = 50
"""So many of the last lines of a build are kept with the launch."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The launch waits for a build."""

    words: str
    """The build's last line."""


class Launcher:
    """Launches revisions; a build runs in the background, and the launch is tried again until it is done."""

    def __init__(self, memory: Memory, targets: Targets, jobs: BackgroundJobs) -> None:
        self._memory, self._targets, self._jobs = memory, targets, jobs
        self._builds = Builds(jobs)
        self._replacements: dict[str, tuple[Replacement, ...]] = {}
        """What the builds of images have replaced, by image."""

    def launch(self, service: Webservice, notes: list[str]) -> Mapping[str, Any] | Waiting:
        """Launch the wanted revision; returns its handle, or what the launch waits for.

        Lines about the launch are added to ``notes``. Raises what the build or the target raises.
        """
        spec = staging.stage(self._memory, service)
        if spec.routes_file is not None:
            routes.deliver(self._memory, service)
        target = self._targets.get(spec.config.target)
        if target.capabilities.runs_interpreter:
            found = self._builds.look(service.id, spec.python, spec.environment, Path(spec.run_dir))
            if isinstance(found, BackgroundJob):
                return Waiting(found.words)
            notes += found.notes
            self._note(service, spec, found.replacements)
            spec = replace(spec, python=found.python, server_path=found.server_path)
        elif target.capabilities.builds_images:
            wanted = target.missing_image(spec)
            if wanted is not None:
                build = partial(self._build_image, spec, target, wanted)
                job = self._jobs.look(service.id, wanted, "its image", build)
                if not job.done.is_set():
                    return Waiting(job.words)
                notes += job.notes[-NOTES_KEPT:]
                # Recorded when the image is there: what a record names is another image.
                self._note(service, spec, self._replacements.pop(wanted, ()))
                spec = staging.stage(self._memory, service)
        return target.pack(target.launch(spec, notes.append))

    def _build_image(
        self,
        spec: ServiceSpec,
        target: ComputeTarget[Any],
        wanted: str,
        report: Report,
        cancelled: threading.Event,
    ) -> None:
        found = replacements_for_image(
            spec.environment, accepted=bool(spec.config.nearest), report=report, cancelled=cancelled
        )
        self._replacements[wanted] = found
        environment = with_replacements(spec.environment, found) if spec.environment else None
        target.build_image(replace(spec, environment=environment), report, cancelled)

    def _note(self, service: Webservice, spec: ServiceSpec, found: Sequence[Replacement]) -> None:
        """Record versions that are used in place of pins."""
        if set(found) - set(replacements_of(spec.environment)):
            with self._memory.writing() as tx:
                services.note_replacements(tx, service, found)

    def cancel(self, service: Webservice) -> None:
        """Cancel the builds that only this service waits for."""
        self._jobs.drop(service.id)


def record_of(error: Exception) -> dict[str, Any]:
    """What is kept of an error that a launch has raised."""
    if isinstance(error, BuildFailed):
        return {"phase": BUILD, "message": error.message, "traceback": error.log, "hint": error.hint}
    if isinstance(error, PortTaken):
        return {"type": PORT_TAKEN, "message": error.message}
    if isinstance(error, MLMagicError):
        return {"message": str(error)}
    return {"message": reason_of(error)}


def reason_of(error: Exception) -> str:
    """What happened, without what to do about it."""
    return error.message if isinstance(error, MLMagicError) else f"{type(error).__name__}: {error}"
