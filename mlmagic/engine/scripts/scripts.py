"""The engine's verbs for entry scripts: make one, try one, have live services take one on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.engine import sources, without_script
from mlmagic.engine.client import to_body
from mlmagic.engine.live import Reloaded, take_on
from mlmagic.engine.reach import is_within_reach, within_reach
from mlmagic.engine.rehearsal import Rehearsal, rehearse
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.workspace import services


class ScriptVerbs(ServiceVerbs):
    """What can be done with scripts, before a deploy and after it."""

    def no_code(self, model_names: Sequence[str | ModelReference]) -> InferenceConfig:
        """The script that would be made to serve these models as they are; nothing is recorded."""
        return without_script.inference_for(self._models(model_names))[0]

    def rehearse(
        self, inference: InferenceConfig, model_names: Sequence[str | ModelReference], data: Any
    ) -> Rehearsal:
        """Run a script once, in a clean process, on ``data``; nothing is recorded."""
        used = self._models(model_names)
        with self.memory.files.intake() as intake:
            files, inference = sources.take(intake, inference)
            return rehearse(self.memory, intake, inference.entry_script, files, used, to_body(data))

    def live_services(self) -> list[tuple[Webservice, Revision]]:
        """Those within reach that take on each version of their script, with the revision that they serve."""
        with self.memory.reading() as tx:
            serving = [
                (each, services.get_revision(tx, each.id, each.revision))
                for each in services.list_services(tx)
                if each.serving == each.revision and is_within_reach(each)
            ]
        return [(each, revision) for each, revision in serving if revision.config.live]

    def reload(self, name: str, inference: InferenceConfig) -> Reloaded:
        """Have a service take on a changed script while it serves: see `mlmagic.engine.live.take_on`."""
        service = within_reach(self.service(name), "reload")
        return take_on(self.memory, self._targets(service.target), service, inference)
