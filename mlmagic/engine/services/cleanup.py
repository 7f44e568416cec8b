"""Cleans up after temporary work: stops what it launched, ends its processes, removes its folders.

The row is deleted last, and each step can be repeated: if the process that cleans up is killed, the next one
starts again. See `mlmagic.workspace.temporary_work`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine.targets import Targets
from mlmagic.errors import NotFound
from mlmagic.workspace import assets, temporary_work
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.temporary_work import Launch, UnfinishedRecord, Work
from mlmagic.workspace.unfinished_records import OWNER_ENDED, ended, says_running

if TYPE_CHECKING:
    import psutil
    from sqlalchemy import Connection

STOP_SECONDS = 1.0
_KILL_WAIT_SECONDS = 5.0

log = logging.getLogger(__name__)


def sweep(memory: Memory, targets: Targets, mark: str) -> None:
    """Clean up after all work of this machine whose process has ended; ``mark`` names the cleaning process.

    What cannot be cleaned up now is tried again later, by any process, and does not hinder the rest.
    """
    with memory.reading() as tx:
        if not temporary_work.is_anything_left(tx, mark):
            return
    with memory.writing() as tx:
        claimed = temporary_work.claim(tx, mark)
        for work in claimed:  # at once: its owner is this process now, which is alive
            if work.unfinished is not None:
                _finish(tx, work.unfinished, OWNER_ENDED)
    for work in claimed:
        try:
            end_processes_in(work.folders)
            clean(memory, targets, work, OWNER_ENDED)
        except Exception as error:
            put_off(memory, work, error)


def clean(memory: Memory, targets: Targets, work: Work, error: str) -> None:
    """Clean up after one piece of work. ``error`` is written to its record if that still says Running."""
    for launch in work.launches:
        _stop(targets, launch)
    if work.unfinished is not None:
        with memory.writing() as tx:
            _finish(tx, work.unfinished, error)
    for folder in map(Path, work.folders):
        if may_remove(work, folder, memory.folder):
            _remove(folder)
    with memory.writing_quietly() as tx:
        temporary_work.remove(tx, work.id)


def put_off(memory: Memory, work: Work, error: BaseException) -> None:
    """Leave the rest to the next sweep that is due."""
    log.warning("cannot clean up after %s %s: %s. Trying again later", work.kind, work.id, error)
    with contextlib.suppress(Exception), memory.writing_quietly() as tx:
        temporary_work.put_off(tx, work)


def end_processes_in(folders: Sequence[str]) -> None:
    """Kill the scoring processes that work in one of these folders, and what they started."""
    import psutil

    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _works_in(process, folders):
                found += [process, *process.children(recursive=True)]
    for process in found:
        with contextlib.suppress(psutil.Error, OSError):
            if process.is_running() and os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
    psutil.wait_procs(found, timeout=_KILL_WAIT_SECONDS)


def may_remove(work: Work, folder: Path, workspace: Path) -> bool:
    """Whether a folder in a row is one of ours: a mistake in a row must not cost anybody their files."""
    path = Path(os.path.normpath(folder))
    return path.is_absolute() and (path.name == work.folder_name or workspace in path.parents)


def record_of(spec: ServiceSpec) -> dict[str, Any]:
    """What a target needs of ``spec`` to find the service that was launched from it."""
    return {
        "name": spec.name,
        "revision": spec.revision,
        "run_dir": spec.run_dir,
        "config": asdict(spec.config.without_keys()),
        "trial": spec.trial,
    }


def spec_of(record: Mapping[str, Any]) -> ServiceSpec:
    """The inverse of `record_of`, good for `ComputeTarget.find` alone."""
    config = DeploymentConfig(**record["config"])
    nothing = {"entry_script": "", "app_dir": "", "model_dir": None, "python": "", "wakeup_dir": ""}
    return ServiceSpec(**{**nothing, **record, "config": config})


def _stop(targets: Targets, launch: Launch) -> None:
    target = targets.get(launch.target)
    if launch.handle is not None:
        target.stop(target.unpack(launch.handle), grace=STOP_SECONDS)
        return
    handle = target.find(spec_of(launch.spec))
    if handle is not None:
        target.stop(handle, grace=STOP_SECONDS)


def _finish(tx: Connection, unfinished: UnfinishedRecord, error: str) -> None:
    """Write the end of a record, if it still says Running."""
    key = (unfinished.kind, unfinished.name, unfinished.version)
    try:
        record = assets.get(tx, *key).record
    except NotFound:  # deleted since
        return
    if says_running(record):
        assets.replace(tx, *key, ended(record, unfinished.changes, error))


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder)
        except PermissionError:  # a script may have made folders that nobody may write to
            _make_writable(folder)
            shutil.rmtree(folder)


def _make_writable(folder: Path) -> None:
    folder.chmod(0o700)
    for place, names, _ in os.walk(folder):
        for inner in (Path(place, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(0o700)


def _works_in(process: psutil.Process, folders: Sequence[str]) -> bool:
    command = " ".join(process.cmdline())  # with a title of its own, where its words end cannot be seen
    if "mlmagic.scoring" not in command:
        return False
    roots = {*folders, *map(os.path.realpath, folders)}
    places = f" {command} {process.cwd()} "  # a service that was forked has its folder only as its own
    return any(f" {root}{end}" in places for root in roots for end in ("/", " "))
