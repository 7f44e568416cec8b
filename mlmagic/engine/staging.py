"""Lay out a service's revision on disk, in the folders that Azure ML v1 gives to a script.

    services/ID/rN/
      app/                       the source directory and the entry script; the working folder
      azureml-models/NAME/V/...  the models' files under their original names
      azureml-compiled/NAME/V/FILE/...  what serves instead of FILE, of models that are compiled to ONNX
      app.sha256                 which files app/ has
      app.lock                   held while app/ is changed
      lock, report.json, log.txt written by the target and the server, log.txt.N when it is rotated
      keys.json                  keys and token secrets of callers, where the service needs authentication
      routes.json                the versions of an endpoint, and the share of the requests that each gets

AZUREML_MODEL_DIR is the folder of the one model, or ``azureml-models`` for several; a script without models
has none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlmagic.core.access import new_key
from mlmagic.core.compiled_models import COMPILED_FOLDER, Compiled, modules_to_import, parts_of
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import Model, StoredFile, definitions_of
from mlmagic.core.names import ModelReference
from mlmagic.core.paths import join_part
from mlmagic.core.webservice import Revision, ServiceSpec, Webservice
from mlmagic.engine.requirements import requirements_of
from mlmagic.scoring.environment import DEFINITIONS_FILE
from mlmagic.scoring.report import holder_alive
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import keys, models, permissions, services
from mlmagic.workspace.atomic_writes import OWNER_ONLY, write_atomically
from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.run_folders import draft_of

KEYS_FILE = "keys.json"
ROUTES_FILE = "routes.json"
APP_NOTE = "app.sha256"
APP_LOCK = "app.lock"


def stage(memory: Memory, service: Webservice, number: int | None = None) -> ServiceSpec:
    """Lay out a revision unless its folder exists; returns how to run it.

    Without ``number``, it is the wanted one.
    """
    with memory.reading() as tx:
        revision = services.get_revision(tx, service.id, number or service.revision)
        used = [models.get(tx, ModelReference.parse(model)) for model in revision.models]
    run_dir = run_folder(memory, service, revision.number)
    if not run_dir.is_dir():
        run_dir.parent.mkdir(exist_ok=True)  # without parents: a workspace that was removed stays removed
        building = draft_of(run_dir)
        memory.files.copy_out(revision.files, building / "app")
        lay_out_models(memory, used, building)
        lay_out_compiled(memory, revision.compiled, building)
        note_app(building, revision.files)
        building.replace(run_dir)
    elif _is_of_another_script(run_dir, revision.files) and not holder_alive(run_dir):
        revision = _lay_out_app_again(memory, service, revision.number, used)
    if revision.config.guarded:
        deliver_keys(memory, service)
    stays = revision.config.target == service.target  # else there is no port to keep or to hand over
    return ServiceSpec(
        name=service.name,
        revision=revision.number,
        run_dir=str(run_dir),
        entry_script=revision.inference.entry_script,
        app_dir=str(run_dir / "app"),
        model_dir=_model_dir(run_dir, revision.models),
        compiled_dir=_compiled_dir(run_dir, revision.compiled),
        python=revision.python,
        wakeup_dir=str(memory.wakeup_folder),
        config=revision.config,
        environment=revision.inference.environment,
        requirements=requirements_of(revision.inference, used, memory.files),
        modules=modules_to_import(revision.inference.modules, used, revision.compiled),
        preferred_port=port_of(service.url) if stays else None,
        predecessor=_predecessor(memory, service, revision) if stays else None,
        keys_file=str(run_dir / KEYS_FILE) if revision.config.guarded else None,
        routes_file=str(run_dir / ROUTES_FILE) if revision.inference.is_router else None,
        model=next(iter(revision.models), ""),
        collection_folder=str(memory.location.collected_folder),
    )


@contextmanager
def holding_app(run_dir: Path) -> Iterator[None]:
    """Hold app/, which a live reload and a restart of the service change, maybe in two processes."""
    from filelock import FileLock

    with with_remedy(run_dir), FileLock(run_dir / APP_LOCK, mode=permissions.lock_mode(run_dir)):
        yield


def note_app(run_dir: Path, files: Iterable[StoredFile]) -> None:
    """Note which files app/ has: a live reload that was killed leaves others there than the row."""
    write_atomically(run_dir / APP_NOTE, _digest_of(files))


def _is_of_another_script(run_dir: Path, files: Iterable[StoredFile]) -> bool:
    try:
        return (run_dir / APP_NOTE).read_text(encoding="ascii") != _digest_of(files)
    except OSError:  # laid out by an earlier version
        return False


def _lay_out_app_again(memory: Memory, service: Webservice, number: int, used: Sequence[Model]) -> Revision:
    """The revision, after app/ was made to hold its files.

    A live reload that is under way ends first, and may record other files.
    """
    run_dir = run_folder(memory, service, number)
    with holding_app(run_dir):
        with memory.reading() as tx:
            revision = services.get_revision(tx, service.id, number)
        if _is_of_another_script(run_dir, revision.files):
            app = run_dir / "app"
            building = draft_of(app)
            memory.files.copy_out(revision.files, building)
            _add_definitions(used, building)
            shutil.rmtree(app, ignore_errors=True)
            building.replace(app)
            note_app(run_dir, revision.files)
    return revision


def _digest_of(files: Iterable[StoredFile]) -> str:
    lines = sorted(f"{file.digest} {file.path}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def scratch_spec(
    memory: Memory,
    folder: Path,
    name: str,
    inference: InferenceConfig,
    used: Sequence[Model],
    config: DeploymentConfig,
    compiled: Compiled,
) -> ServiceSpec:
    """The specification of a trial or a package; lays out the models beside the script in ``folder``/app."""
    return ServiceSpec(
        name=name,
        revision=1,
        run_dir=str(folder),
        entry_script=inference.entry_script,
        app_dir=str(folder / "app"),
        model_dir=lay_out_models(memory, used, folder),
        compiled_dir=lay_out_compiled(memory, compiled, folder),
        python=sys.executable,
        wakeup_dir=str(folder),
        config=config,
        environment=inference.environment,
        requirements=requirements_of(inference, used, memory.files),
    )


def with_trial_key(spec: ServiceSpec, target: ComputeTarget[Any]) -> ServiceSpec:
    """The specification of a trial, with a key of its own on another machine, where others can reach it."""
    if target.runs_on_this_machine():
        return spec
    file = Path(spec.run_dir) / KEYS_FILE
    write_atomically(file, json.dumps({"primary": new_key()}), mode=OWNER_ONLY)
    return replace(spec, keys_file=str(file))


def trial_key(spec: ServiceSpec) -> str | None:
    """The key of a trial; None if it needs none."""
    if spec.keys_file is None:
        return None
    return str(json.loads(Path(spec.keys_file).read_text(encoding="utf-8"))["primary"])


def deliver_keys(memory: Memory, service: Webservice) -> None:
    """Write the service's current keys to each revision on disk that needs authentication."""
    # Under the write lock: of two writers, the second has the newer keys.
    with memory.writing() as tx:
        held = keys.get(tx, service.id)
        for number in services.revision_numbers(tx, service.id):
            config = services.get_revision(tx, service.id, number).config
            folder = run_folder(memory, service, number)
            if held is not None and config.guarded and folder.is_dir():
                taken = held.accepted(
                    service.name, keys=config.auth_enabled, tokens=config.token_auth_enabled
                )
                write_atomically(folder / KEYS_FILE, json.dumps(taken), mode=OWNER_ONLY)


def lay_out_models(memory: Memory, used: Sequence[Model], folder: Path) -> str | None:
    """Lay out the models in ``folder``/azureml-models; returns the value of AZUREML_MODEL_DIR.

    What their pickles need of a notebook goes into ``folder``/app, where the server looks for it.
    """
    for model in used:
        memory.files.lay_out(model.files, folder / "azureml-models" / model.name / str(model.version))
    _add_definitions(used, folder / "app")
    return _model_dir(folder, [model.id for model in used])


def lay_out_compiled(memory: Memory, compiled: Compiled, folder: Path) -> str | None:
    """Lay out what serves instead of the models in ``folder``/azureml-compiled; returns that folder.

    None, and no folder, if no model is served compiled.
    """
    memory.files.lay_out(parts_of(compiled), folder / COMPILED_FOLDER)
    return _compiled_dir(folder, compiled)


def _compiled_dir(folder: Path, compiled: Compiled) -> str | None:
    return str(folder / COMPILED_FOLDER) if parts_of(compiled) else None


def _add_definitions(used: Sequence[Model], app: Path) -> None:
    if definitions := definitions_of(used):
        (app / DEFINITIONS_FILE).write_text(definitions, encoding="utf-8")


def unstage(memory: Memory, service: Webservice, number: int) -> None:
    """Delete one revision's folder."""
    shutil.rmtree(run_folder(memory, service, number), ignore_errors=True)


def run_folder(memory: Memory, service: Webservice, number: int) -> Path:
    """The folder of a service's revision."""
    return join_part(memory.services_folder, service.id, "id of a service") / f"r{number}"


def _predecessor(memory: Memory, service: Webservice, revision: Revision) -> str | None:
    if service.serving is None or service.serving == revision.number:
        return None
    return str(run_folder(memory, service, service.serving))


def port_of(url: str | None) -> int | None:
    """The port in a URL; None without one."""
    return urlsplit(url).port if url else None


def _model_dir(folder: Path, model_ids: Sequence[str]) -> str | None:
    """The value of AZUREML_MODEL_DIR for ``folder``/azureml-models; None without models."""
    if not model_ids:
        return None
    root = folder / "azureml-models"
    if len(model_ids) > 1:
        return str(root)
    return os.path.join(root, *model_ids[0].split(":"))
