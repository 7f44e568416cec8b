"""Authentication of services: their keys, and access tokens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlmagic.core import advice
from mlmagic.core.access import AccessToken, ServiceKeys, WhichKey
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Webservice
from mlmagic.engine import staging
from mlmagic.engine.endpoints import routes
from mlmagic.engine.http.client import Caller
from mlmagic.engine.services.callers import caller_of, new_token
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, UsageError
from mlmagic.workspace import events, keys, services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Keys:
    """The keys and tokens of the services of one workspace."""

    def __init__(self, memory: Memory, targets: Targets) -> None:
        self._memory, self._targets = memory, targets

    def get(self, name: str) -> tuple[str, str]:
        """The primary and the secondary key. Raises `UsageError` for a service without key authentication."""
        with self._memory.reading() as tx:
            held = _held(tx, services.get(tx, name))
        return held.primary, held.secondary

    def regenerate(self, name: str, which: str, set_key: str | None = None) -> tuple[str, str]:
        """Replace the primary or the secondary key by a new one (or by ``set_key``); returns both keys.

        The service accepts the new key at once and refuses the old one a moment later. It is not restarted,
        and the other key goes on working.
        """
        chosen = WhichKey.named(which)
        with self._memory.writing() as tx:
            service = owned_here(services.get(tx, name), "change the keys of")
            held = _held(tx, service).with_key(chosen, set_key)
            keys.keep(tx, service.id, held)
            events.append(tx, EventKind.KEY_CHANGED, service_subject(name), f"the {chosen} key was changed")
            routes.deliver_to_endpoints_of(self._memory, tx, name)
        routes.send_to_endpoints_of(self._memory, self._targets, name)
        self.deliver(service)
        return held.primary, held.secondary

    def access_token(self, name: str) -> AccessToken:
        """An access token, valid for an hour; request the next one after half of it."""
        with self._memory.reading() as tx:
            held = _held(tx, services.get(tx, name), tokens=True)
        return new_token(name, held.token_secret, time.time())

    def keep(self, tx: Connection, service: Webservice, config: DeploymentConfig) -> None:
        """Store the keys that a service needs: those that ``config`` names, else new ones."""
        if not config.guarded:
            return
        before = keys.get(tx, service.id)
        held = before or ServiceKeys.new()
        for which, key in (
            (WhichKey.PRIMARY, config.primary_key),
            (WhichKey.SECONDARY, config.secondary_key),
        ):
            if key is not None:
                held = held.with_key(which, key)
        if held != before:
            keys.keep(tx, service.id, held)

    def deliver(self, service: Webservice) -> None:
        """Hand the present keys to the service: on this disk, and to a target that cannot see this disk."""
        staging.deliver_keys(self._memory, service)
        for number, handle in (
            (service.serving, service.handle),
            (service.candidate, service.candidate_handle),
        ):
            if number is None or handle is None:
                continue
            file = staging.run_folder(self._memory, service, number) / staging.KEYS_FILE
            if not file.is_file():
                continue
            with self._memory.reading() as tx:
                target = self._targets.get(services.target_of(tx, service, number))
            if target.capabilities.delivers_keys:
                target.deliver_keys(target.unpack(handle), str(file))

    def caller(self, tx: Connection, service: Webservice) -> Caller:
        """The credential and the certificate that a client needs to call the service."""
        return caller_of(tx, service)


def _held(tx: Connection, service: Webservice, *, tokens: bool = False) -> ServiceKeys:
    config = services.get_revision(tx, service.id, service.revision).config
    held = keys.get(tx, service.id)
    if held is None or not (config.token_auth_enabled if tokens else config.auth_enabled):
        kind, argument = ("token", "token_auth_enabled") if tokens else ("key", "auth_enabled")
        raise UsageError(
            f"{service.name!r} has no {kind} authentication",
            hint=Advice("Turn it on with: {update}", update=advice.update(service.name, **{argument: True})),
        )
    return held
