"""Renewals: updates of a service to the newest versions of its models, and to a newer script."""

from __future__ import annotations

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelFilter
from mlmagic.core.notify import Notify, silent
from mlmagic.core.renewal import Renewal, newest_of
from mlmagic.core.webservice import Webservice
from mlmagic.engine.models.models import Models
from mlmagic.engine.scripts import sources
from mlmagic.engine.services.services import Services
from mlmagic.workspace.memory import Memory


class Renewals:
    """Finds what is newer than what a service serves, and updates the service to it."""

    def __init__(self, memory: Memory, models: Models, services: Services) -> None:
        self._memory, self._models, self._services = memory, models, services

    def find(self, name: str, captured: InferenceConfig | None = None, script_words: str = "") -> Renewal:
        """What an update to the newest versions of its models, and to ``captured``, would change.

        ``script_words`` name that script for people. Nothing is recorded.
        """
        revision = self._services.revision(self._services.get(name))
        newest = {model.name: model.version for model in self._models.list(ModelFilter(latest=True))}
        script = ""
        if captured is not None:
            with self._memory.files.intake() as intake:
                files, _ = sources.take(intake, captured)
            script = "" if set(files) == set(revision.files) else script_words
        return Renewal(revision.models, newest_of(revision.models, newest), script)

    def carry_out(
        self,
        name: str,
        renewal: Renewal,
        captured: InferenceConfig | None = None,
        notify: Notify = silent,
    ) -> Webservice:
        """Update a service as ``renewal`` says; returns while the service is Transitioning."""
        return self._services.update(
            name,
            model_names=renewal.newest if renewal.newest != renewal.served else None,
            inference=captured if renewal.script else None,
            notify=notify,
        )
