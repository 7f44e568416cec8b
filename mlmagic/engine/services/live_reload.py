"""Live reload: a service gets a new version of its script while it serves, under the same revision."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import StoredFile
from mlmagic.core.paths import join
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.engine import staging
from mlmagic.engine.scripts import sources
from mlmagic.engine.services.ownership import is_owned_here, owned_here
from mlmagic.engine.staging import run_folder
from mlmagic.engine.targets import Targets
from mlmagic.errors import LaunchFailed, ScriptError, UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import reloads, services
from mlmagic.workspace.files import FILE_KIND
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.run_folders import draft_of

CopyOut = Callable[[Iterable[StoredFile], Path], None]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The outcome of a live reload."""

    service: str
    init: bool
    """Whether init() ran again."""
    milliseconds: float


class LiveReload:
    """The services of a workspace that take on a new version of their script while they serve."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self._memory, self._targets = memory, targets

    def services(self) -> list[tuple[Webservice, Revision]]:
        """The services of this machine with live reload, and the revisions that they serve."""
        with self._memory.reading() as tx:
            serving = [
                (each, services.get_revision(tx, each.id, each.revision))
                for each in services.list_services(tx)
                if each.serving == each.revision and is_owned_here(each)
            ]
        return [(each, revision) for each, revision in serving if revision.config.live]

    def reload(self, name: str, inference: InferenceConfig) -> Reloaded:
        """Serve ``inference`` from now on. If that fails, the service goes on with the script it had.

        Raises `ScriptError` with the script's own traceback, `UsageError`, or `LaunchFailed`.
        """
        memory = self._memory
        with memory.reading() as tx:
            service = owned_here(services.get(tx, name), "reload")
        target = self._targets.get(service.target)
        if not target.capabilities.reloads or service.serving is None or service.handle is None:
            raise UsageError(f"{name!r} cannot reload its script: it is {service.state} on {target.name}")
        folder = run_folder(memory, service, service.serving) / "app"
        with staging.holding_app(folder.parent), memory.files.intake() as intake:
            with memory.reading() as tx:
                revision = services.get_revision(tx, service.id, service.serving)
            files, inference = sources.take(intake, inference)
            intake.send()
            inference = replace(inference, environment=revision.inference.environment)
            changed = replace(revision, files=files, inference=inference)
            answer: dict[str, Any] = {}
            is_recorded = False
            # Noted before the first file changes: after a kill the next start sees that the folder is not the
            # row's, and lays it out again.
            staging.note_app(folder.parent, files)
            try:
                _replace(folder, revision.files, files, intake.copy_out)
                answer = dict(target.reload(target.unpack(service.handle)))
                _check(service, target, answer)
                _record(memory, service, changed, intake.publish, answer)
                is_recorded = True
            finally:
                if not is_recorded:
                    _replace(folder, files, revision.files, memory.files.copy_out)
                    staging.note_app(folder.parent, revision.files)
                    if "init" in answer:  # it serves the script that could not be recorded
                        target.reload(target.unpack(service.handle))
        return Reloaded(service.name, bool(answer["init"]), float(answer["ms"]))


def _record(
    memory: Memory,
    service: Webservice,
    revision: Revision,
    publish: Callable[[], None],
    answer: dict[str, Any],
) -> None:
    init = "init() ran again" if answer["init"] else "the state of init() was kept"
    with memory.writing() as tx:
        publish()
        reloads.record(tx, service, revision, f"reloaded its script in {answer['ms']:.0f} ms; {init}")


def _check(service: Webservice, target: ComputeTarget[Any], answer: dict[str, Any]) -> None:
    if "error" in answer:
        context = f"{service.name!r} keeps serving the previous script: "
        raise ScriptError.from_record(answer["error"], context=context)
    if "init" not in answer:
        raise LaunchFailed(
            target.name, f"{service.name!r} did not reload its script: {answer.get('refused')}"
        )


def _replace(folder: Path, old: Iterable[StoredFile], new: Iterable[StoredFile], copy_out: CopyOut) -> None:
    """Make ``folder`` hold ``new`` instead of ``old``, each file in one step."""
    drafts = draft_of(folder)
    copy_out(new, drafts)
    # Python takes a compiled module for current if it is as long as its file, and of the same second.
    made = max([time.time(), *(file.stat().st_mtime + 1 for file in folder.rglob("*.py"))])
    try:
        for file in new:
            place = join(folder, file.path, FILE_KIND)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.utime(drafts / file.path, (made, made))
            os.replace(drafts / file.path, place)
        for path in {file.path for file in old} - {file.path for file in new}:
            join(folder, path, FILE_KIND).unlink(missing_ok=True)
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
