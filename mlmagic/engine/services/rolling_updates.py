"""Updates that replace one replica after the other: held where they are, and gone on with."""

from __future__ import annotations

from typing import Any

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Webservice
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.supervision import Supervision
from mlmagic.engine.targets import Targets
from mlmagic.errors import UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory


class RollingUpdates:
    """Pauses and resumes the updates of a workspace's services, on targets that can."""

    def __init__(self, memory: Memory, targets: Targets, supervision: Supervision) -> None:
        self._memory, self._targets, self._supervision = memory, targets, supervision

    def pause(self, name: str) -> Webservice:
        """Replace no more replicas until `resume`; those of both revisions answer.

        Raises `UsageError` if no update is under way, or its target cannot hold one.
        """
        service, target, handle = self._update_of(name)
        target.pause(handle)
        return self._note(service, EventKind.ROLLOUT_PAUSED, "the update is paused")

    def resume(self, name: str) -> Webservice:
        """Go on with an update that is paused. Raises what `pause` raises."""
        service, target, handle = self._update_of(name)
        target.resume(handle)
        return self._note(service, EventKind.ROLLOUT_RESUMED, "the update goes on")

    def _update_of(self, name: str) -> tuple[Webservice, ComputeTarget[Any], Any]:
        """A service whose update is under way, its target, and the handle of the new revision."""
        with self._memory.reading() as tx:
            service = owned_here(services.get(tx, name), "hold the update of")
            if service.candidate is None:
                raise UsageError(f"no update of {name!r} is under way")
            target = self._targets.get(services.get_revision(tx, service.id, service.candidate).config.target)
        if not target.capabilities.pauses:
            raise UsageError(
                f"{name!r} is on {target.name}, where an update is one step: there is nothing to pause",
                hint="To give a new version more and more of the requests, make it a version of an endpoint.",
            )
        if service.candidate_handle is None:
            raise UsageError(
                f"the update of {name!r} has not begun to replace replicas", hint="Try again soon."
            )
        return service, target, target.unpack(service.candidate_handle)

    def _note(self, service: Webservice, kind: EventKind, words: str) -> Webservice:
        with self._memory.writing() as tx:
            services.record(tx, service, kind, words)
            found = services.get(tx, service.name)
        self._supervision.ensure()
        return found
