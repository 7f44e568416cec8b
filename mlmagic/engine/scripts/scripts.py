"""Entry scripts before a deploy: generate one for models, or run one once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision
from mlmagic.engine.http.client import to_body
from mlmagic.engine.models.models import Models
from mlmagic.engine.scripts import no_code, sources
from mlmagic.engine.scripts.rehearsal import Rehearsal, rehearse
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.workspace.memory import Memory


class Scripts:
    """Entry scripts for the models of one workspace; nothing here is recorded."""

    def __init__(self, memory: Memory, models: Models, temporary_work: TemporaryWork) -> None:
        self._memory, self._models, self._temporary_work = memory, models, temporary_work

    def no_code(self, model_names: Sequence[str | ModelReference]) -> InferenceConfig:
        """The script that is generated to serve these models without a script of their own."""
        return no_code.inference_for(self._models.find_all(model_names))[0]

    def text_of(self, revision: Revision) -> str:
        """The text of a revision's entry script; empty if it is not kept any more."""
        digests = [file.digest for file in revision.files if file.path == revision.inference.entry_script]
        try:
            return self._memory.files.fetched(digests[0]).read_text(encoding="utf-8") if digests else ""
        except (OSError, UnicodeDecodeError):
            return ""

    def rehearse(
        self, inference: InferenceConfig, model_names: Sequence[str | ModelReference], data: Any
    ) -> Rehearsal:
        """Run a script once on ``data``, in a process of its own."""
        used = self._models.find_all(model_names)
        with self._temporary_work.begin("rehearsal") as work, self._memory.files.intake() as intake:
            files, inference = sources.take(intake, inference)
            entry_script = inference.entry_script
            return rehearse(self._memory, intake, work.folder, entry_script, files, used, to_body(data))
