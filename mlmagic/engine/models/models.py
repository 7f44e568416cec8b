"""Models in the registry: register, list, change, download and delete them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.model import Model, ModelDescription, ModelFilter
from mlmagic.core.names import ModelReference
from mlmagic.core.notify import Notify, silent
from mlmagic.engine.environments.runtime import Runtime
from mlmagic.engine.models import compilation, registration
from mlmagic.errors import AlreadyExists, UsageError
from mlmagic.workspace import models
from mlmagic.workspace.given_notices import is_first_time
from mlmagic.workspace.memory import Memory


class Models:
    """The model registry of one workspace."""

    def __init__(self, memory: Memory, on_news: Callable[[], None]) -> None:
        """``on_news`` is called after each change that subscribers or followers may be waiting for."""
        self._memory, self._on_news = memory, on_news
        self._has_warned_of_pickles = False

    def register(
        self,
        model: object,
        details: ModelDescription,
        *,
        child_paths: Iterable[str] | None = None,
        notify: Notify = silent,
    ) -> Model:
        """Register a file, a folder (``str`` or path) or a live object as the next version of its name.

        If ``details`` want it compiled, it is compiled first; ``notify`` gets the result. A model that cannot
        be compiled is registered all the same.
        """
        if details.compile:
            compilation.check_installed()
        with self._memory.files.intake() as intake:
            if isinstance(model, str | os.PathLike):
                details, files = registration.take_path(
                    intake, details, Path(model).expanduser(), child_paths
                )
            elif child_paths:
                raise UsageError("child_paths need a folder, and the model is a live object")
            else:
                details, files = registration.take_object(intake, details, model)
            compiled = compilation.compile_files(intake, details, files, notify) if details.compile else ()
            intake.send()
            with self._memory.writing() as tx:
                intake.publish()
                registered = models.add(tx, details, files, compiled)
        self._warn_of_pickles(registered, notify)
        self._on_news()
        return registered

    def get(self, reference: str | ModelReference) -> Model:
        """The model called ``name`` (newest version) or ``name:version``."""
        with self._memory.reading() as tx:
            return models.get(tx, _reference(reference))

    def users(self, reference: str | ModelReference) -> list[str]:
        """Names of the services that use this version."""
        with self._memory.reading() as tx:
            return models.used_by(tx, models.get(tx, _reference(reference)).id)

    def with_users(self, wanted: ModelFilter | None = None) -> tuple[list[Model], dict[str, list[str]]]:
        """The models, and by id the names of the services that use them, as they are at one moment."""
        with self._memory.reading() as tx:
            return models.list_models(tx, wanted or ModelFilter()), models.users(tx)

    def change(self, reference: str, **changes: Any) -> Model:
        """Replace ``tags``, the ``description`` or ``details``; ``add_properties``, for good."""
        with self._memory.writing() as tx:
            changed = models.change(tx, _reference(reference), **changes)
        self._on_news()
        return changed

    def delete(self, reference: str) -> Model:
        """Delete one version (named with its number); refused while a service uses it."""
        parsed = _reference(reference)
        with self._memory.writing() as tx:
            return models.remove(tx, parsed)

    def download(self, reference: str, folder: Path, *, exist_ok: bool = False) -> Path:
        """Copy a model's files into ``folder``; existing files are an error by default. Returns the path."""
        model = self.get(reference)
        tops = sorted({folder / file.path.partition("/")[0] for file in model.files})
        taken = [str(path) for path in tops if path.exists()]
        if taken and not exist_ok:
            raise AlreadyExists("file", taken[0], hint="Name another folder, or allow it with exist_ok=True.")
        self._memory.files.copy_out(model.files, folder)
        return tops[0] if len(tops) == 1 else folder

    def find_all(self, names: Sequence[str | ModelReference]) -> list[Model]:
        """The models called ``name`` or ``name:version``, each once; raises `NotFound`."""
        with self._memory.reading() as tx:
            return [models.get(tx, _reference(name)) for name in dict.fromkeys(names)]

    def compiled(
        self, used: Sequence[Model], compile: bool | None, notify: Notify = silent
    ) -> Sequence[Model]:
        """The models of a deployment, those that it wants compiled with what that gave.

        ``compile`` is as in its configuration: True compiles the models that are not compiled yet, and keeps
        the result with them; None uses what was compiled at their registration.
        """
        if not compile:
            return used
        return [self._compile(model, notify) for model in used]

    def _compile(self, model: Model, notify: Notify) -> Model:
        """The model with what is compiled of it; a file that could not be compiled is tried again."""
        with self._memory.files.intake() as intake:
            compiled = compilation.compile_files(
                *(intake, model.details, model.files, notify),
                known=model.compiled,
                lay_out=self._memory.files.lay_out,
            )
            if compiled == model.compiled:
                return model
            intake.send()
            with self._memory.writing() as tx:
                intake.publish()
                noted = models.note_compiled(tx, model.id, compiled)
        self._on_news()
        return noted

    def report_mismatches(self, used: Sequence[Model], runtime: Runtime, notify: Notify) -> None:
        """Report library versions that differ between where a model was stored and where it will run."""
        for model in used:
            serving = runtime.versions(model.details.libraries)
            for line in registration.library_mismatches(
                model.details, serving, runtime.words, runtime.version
            ):
                notify(f"{model.id}: {line}")
            self._warn_of_pickles(model, notify)

    def _warn_of_pickles(self, model: Model, notify: Notify) -> None:
        """Once in a process, and once for a version: who deploys it may not be who has registered it."""
        pickles = [file.digest for file in model.files if registration.is_pickle(file.path)]
        if not pickles:
            return
        is_new = is_first_time("pickle", self._memory.location.key, model.id, *pickles)
        if is_new and not self._has_warned_of_pickles:
            self._has_warned_of_pickles = True
            notify(registration.PICKLE_WARNING)

    def list(self, wanted: ModelFilter | None = None) -> list[Model]:
        with self._memory.reading() as tx:
            return models.list_models(tx, wanted or ModelFilter())


def _reference(reference: str | ModelReference) -> ModelReference:
    return ModelReference.parse(reference) if isinstance(reference, str) else reference
