"""Updates the services that follow a model, on behalf of the supervisor that holds the service's lease.

Such an update is an ordinary one: the new revision must answer before it gets the traffic, and if it never
does, the one before keeps serving.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mlmagic.core.follow import choose, served_version, with_version
from mlmagic.core.webservice import Webservice
from mlmagic.engine.services.deployment import Deployments, DeployRequest
from mlmagic.errors import MLMagicError, WrongState
from mlmagic.workspace import follows, services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection


class _AlreadyTaken(MLMagicError):
    """Another process has begun with this version: the update is not recorded."""


class Follower:
    """Records the update of a service to a new version of a model that it follows."""

    def __init__(self, memory: Memory, deployments: Deployments) -> None:
        self._memory, self._deployments = memory, deployments

    def look(self, service: Webservice) -> bool:
        """Record an update to the newest version that waits; False if none does."""
        with self._memory.reading() as tx:
            waiting = follows.waiting(tx, service.id)
        for model, versions in waiting.items():
            version, passed = choose(versions, served_version(service.models, model))
            if passed:
                with self._memory.writing() as tx:
                    follows.skip(tx, service.id, model, passed)
            if version is not None:
                self._update(service, model, version)
                return True
        return False

    def _update(self, service: Webservice, model: str, version: int) -> None:
        def begin(tx: Connection, revised: Webservice) -> None:
            if revised.id != service.id or not follows.begin(tx, revised, model, version):
                raise _AlreadyTaken(f"the update to {model}:{version} has begun already")

        models = with_version(service.models, model, version)
        try:
            with suppress(WrongState, _AlreadyTaken):  # not now, or not by this process
                plan = self._deployments.plan_update(
                    DeployRequest(service.name, models=models, keep_python=True)
                )
                self._deployments.record(plan, also=begin)
        except MLMagicError as error:
            with self._memory.writing() as tx:
                if service.name in services.names(tx):
                    follows.refuse(tx, service, model, version, str(error))
