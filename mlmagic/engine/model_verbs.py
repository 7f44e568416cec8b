"""The engine's verbs for models: register, list, change, download, delete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.model import Model, ModelDescription, ModelFilter
from mlmagic.core.names import ModelReference
from mlmagic.engine import registration
from mlmagic.engine.environments.place import Place
from mlmagic.errors import AlreadyExists, UsageError
from mlmagic.workspace import deliveries, follows, models
from mlmagic.workspace.memory import Memory

Notify = Callable[[str], None]
"""Takes one line that the user should read."""


def silent(_line: str) -> None:
    """A `Notify` that tells nobody."""


class ModelVerbs:
    """What can be done with models."""

    memory: Memory
    _told_pickles: bool = False

    def register(
        self,
        model: object,
        details: ModelDescription,
        *,
        child_paths: Iterable[str] | None = None,
        notify: Notify = silent,
    ) -> Model:
        """Register a file, a folder (``str`` or path) or a live object as the next version of its name."""
        with self.memory.files.intake() as intake:
            if isinstance(model, str | os.PathLike):
                details, files = registration.take_path(
                    intake, details, Path(model).expanduser(), child_paths
                )
            elif child_paths:
                raise UsageError("child_paths need a folder, and the model is a live object")
            else:
                details, files = registration.take_object(intake, details, model)
            intake.send()
            with self.memory.writing() as tx:
                intake.publish()
                registered = models.add(tx, details, files)
        if registration.holds_pickles(files):
            self._tell_pickles(notify)
        self._see_to_news()
        return registered

    def model(self, reference: str | ModelReference) -> Model:
        """The model called ``name`` (newest version) or ``name:version``."""
        with self.memory.reading() as tx:
            return models.get(tx, _reference(reference))

    def models(self, wanted: ModelFilter | None = None) -> list[Model]:
        with self.memory.reading() as tx:
            return models.list_models(tx, wanted or ModelFilter())

    def model_users(self, reference: str | ModelReference) -> list[str]:
        """Names of the services that use this version."""
        with self.memory.reading() as tx:
            return models.used_by(tx, models.get(tx, _reference(reference)).id)

    def models_and_users(self, wanted: ModelFilter | None = None) -> tuple[list[Model], dict[str, list[str]]]:
        """The models, and by id the names of the services that use them, as they are at one moment."""
        with self.memory.reading() as tx:
            return models.list_models(tx, wanted or ModelFilter()), models.users(tx)

    def change_model(self, reference: str, **changes: Any) -> Model:
        """Replace ``tags``, the ``description`` or ``details``; ``add_properties``, for good."""
        with self.memory.writing() as tx:
            changed = models.change(tx, _reference(reference), **changes)
        self._see_to_news()
        return changed

    def delete_model(self, reference: str) -> Model:
        """Forget one version (named with its number); refused while a service uses it."""
        parsed = _reference(reference)
        with self.memory.writing() as tx:
            return models.remove(tx, parsed)

    def download_model(self, reference: str, folder: Path, *, exist_ok: bool = False) -> Path:
        """Copy a model's files into ``folder``; refuses to overwrite unless told. Returns the common path."""
        model = self.model(reference)
        tops = sorted({folder / file.path.partition("/")[0] for file in model.files})
        taken = [str(path) for path in tops if path.exists()]
        if taken and not exist_ok:
            raise AlreadyExists("file", taken[0], hint="Name another folder, or allow it with exist_ok=True.")
        self.memory.files.copy_out(model.files, folder)
        return tops[0] if len(tops) == 1 else folder

    def _see_to_it(self) -> None:
        """Make sure that somebody looks after the services, and after what is to be told."""
        raise NotImplementedError

    def _see_to_news(self) -> None:
        """`_see_to_it`, if there are subscribers to be told, or services that follow what changed."""
        with self.memory.reading() as tx:
            wanted = deliveries.next_due(tx) is not None or follows.is_anything_waiting(tx)
        if wanted:
            self._see_to_it()

    def _models(self, names: Sequence[str | ModelReference]) -> list[Model]:
        with self.memory.reading() as tx:
            return [models.get(tx, _reference(name)) for name in dict.fromkeys(names)]

    def _tell_mismatches(self, used: Sequence[Model], place: Place, notify: Notify) -> None:
        """What differs, where these models will be served, from what they were stored with."""
        for model in used:
            serving = place.versions(model.details.libraries)
            for line in registration.library_mismatches(model.details, serving, place.words, place.version):
                notify(f"{model.id}: {line}")
            if registration.holds_pickles(model.files):
                self._tell_pickles(notify)

    def _tell_pickles(self, notify: Notify) -> None:
        if not self._told_pickles:
            self._told_pickles = True
            notify(registration.PICKLE_WARNING)


def _reference(reference: str | ModelReference) -> ModelReference:
    return ModelReference.parse(reference) if isinstance(reference, str) else reference
