"""What all steps share: one service, where it runs, and how to launch it and write down what is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Webservice
from mlmagic.engine import staging
from mlmagic.engine.environments.builds import Builds
from mlmagic.engine.makings import Making, Makings
from mlmagic.engine.steps.health import Health
from mlmagic.engine.steps.rules import handles_of
from mlmagic.errors import BuildFailed, MLMagicError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUILD = "environment"
"""The phase of a failure before there was anything to start."""
NOTES_KEPT = 50
"""Of the lines that a build has told, the last so many are kept with the launch."""

Targets = Callable[[str], ComputeTarget[Any]]


@dataclass(slots=True)
class ServiceSteps:
    """One service at its turn; each step returns the seconds until the next."""

    memory: Memory
    targets: Targets
    service: Webservice
    health: Health
    makings: Makings
    builds: Builds

    def _start(self) -> Mapping[str, Any] | None:
        """Launch the wanted revision; None while what it needs is being made."""
        service, notes, target = self.service, self.health.notes, self._target
        spec = staging.stage(self.memory, service)
        if target.capabilities.runs_interpreter:
            found = self.builds.look(service.id, spec.python, spec.environment, Path(spec.run_dir))
            if isinstance(found, Making):
                self._tell(found)
                return None
            notes += found.notes
            spec = replace(spec, python=found.python, server_path=found.server_path)
        elif target.capabilities.builds_images:
            wanted = target.missing_image(spec)
            if wanted is not None:
                made = self.makings.look(service.id, wanted, "its image", partial(target.build_image, spec))
                if not made.done.is_set():
                    self._tell(made)
                    return None
                notes += made.notes[-NOTES_KEPT:]
        return target.pack(target.launch(spec, notes.append))

    def _tell(self, making: Making) -> None:
        if making.words != self.service.words:
            self._write({"words": making.words})

    def _write(
        self,
        changes: Mapping[str, Any],
        kind: EventKind | None = None,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Write what is true now, and in the same transaction what follows from it."""
        with self.memory.writing() as tx:
            written = services.observe(tx, self.service, changes, kind=kind, message=message, data=data)
            if written and also is not None:
                also(tx)

    def _handles(self) -> dict[int, Mapping[str, Any] | None]:
        with self.memory.reading() as tx:
            return handles_of(self.service, services.revision_numbers(tx, self.service.id))

    @property
    def _target(self) -> ComputeTarget[Any]:
        return self.targets(self.service.target)

    def _cert_file(self, url: str) -> str | None:
        """Where the certificate lies that the wanted revision shows; None without one."""
        if not url.startswith("https:"):
            return None
        with self.memory.reading() as tx:
            config = services.get_revision(tx, self.service.id, self.service.revision).config
        return config.ssl_cert_pem_file


def record_of(error: Exception) -> dict[str, Any]:
    """What is kept of an error that a launch has raised."""
    if isinstance(error, BuildFailed):
        return {"phase": BUILD, "message": error.message, "traceback": error.log}
    if isinstance(error, MLMagicError):
        return {"message": str(error)}
    return {"message": f"{type(error).__name__}: {error}"}
