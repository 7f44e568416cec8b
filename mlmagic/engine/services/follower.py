"""Updates the services that follow a model, as the supervisor that holds the service's lease.

An update of this kind is an ordinary one: the new revision must answer before it gets the traffic, and if it
never does, the one before keeps serving.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection

from mlmagic.core.follow import choose, served_version, with_version
from mlmagic.core.webservice import Webservice
from mlmagic.engine.deployment_verbs import DeploymentVerbs
from mlmagic.engine.steps.base import Targets
from mlmagic.errors import MLMagicError, WrongState
from mlmagic.workspace import follows, services
from mlmagic.workspace.memory import Memory


class _Taken(MLMagicError):
    """Somebody else has taken the version on: the update is not recorded."""


class Follower(DeploymentVerbs):
    """The engine's `update`, without a supervisor of its own."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self.memory, self._targets = memory, targets

    def _see_to_it(self) -> None:
        """Whoever calls looks after the service."""

    def look(self, service: Webservice) -> bool:
        """Take on the newest version that waits for a service that is ready; False if there is none."""
        with self.memory.reading() as tx:
            waiting = follows.waiting(tx, service.id)
        for model, versions in waiting.items():
            version, passed = choose(versions, served_version(service.models, model))
            if passed:
                with self.memory.writing() as tx:
                    follows.skip(tx, service.id, model, passed)
            if version is not None:
                self._take_on(service, model, version)
                return True
        return False

    def _take_on(self, service: Webservice, model: str, version: int) -> None:
        def begin(tx: Connection, revised: Webservice) -> None:
            if revised.id != service.id or not follows.begin(tx, revised, model, version):
                raise _Taken(f"{model}:{version} is taken on already")

        try:
            with suppress(WrongState, _Taken):  # not now, or not by us
                self.update(
                    service.name,
                    model_names=with_version(service.models, model, version),
                    keep_python=True,
                    also=begin,
                )
        except MLMagicError as error:
            with self.memory.writing() as tx:
                if service.name in services.names(tx):
                    follows.refuse(tx, service, model, version, str(error))
