"""The engine's verbs for who may ask a service: its keys, and tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlmagic.core.access import AccessToken, ServiceKeys, WhichKey
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Webservice
from mlmagic.engine import staging
from mlmagic.engine.client import Caller
from mlmagic.engine.model_verbs import ModelVerbs
from mlmagic.engine.reach import within_reach
from mlmagic.errors import UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import events, keys, services

if TYPE_CHECKING:
    from sqlalchemy import Connection

TOKEN_SECONDS = 3600
REFRESH_SECONDS = TOKEN_SECONDS // 2
"""A token is good for as long again after the time at which the next should be asked for."""


class AccessVerbs(ModelVerbs):
    """Keys and tokens of services."""

    _targets: Callable[[str], ComputeTarget[Any]]

    def get_keys(self, name: str) -> tuple[str, str]:
        """The primary and the secondary key. Raises `UsageError` for a service that asks for none."""
        with self.memory.reading() as tx:
            held = _held(tx, services.get(tx, name))
        return held.primary, held.secondary

    def regen_key(self, name: str, which: str, set_key: str | None = None) -> tuple[str, str]:
        """Make the primary or the secondary key anew (or set it); both keys, as they are then.

        The service takes the new one at once and refuses the old one a moment later. It is not restarted,
        and callers that use the other key notice nothing.
        """
        chosen = WhichKey.named(which)
        with self.memory.writing() as tx:
            service = within_reach(services.get(tx, name), "change the keys of")
            held = _held(tx, service).with_key(chosen, set_key)
            keys.keep(tx, service.id, held)
            events.append(tx, EventKind.KEY_CHANGED, service_subject(name), f"the {chosen} key was changed")
        self._deliver_keys(service)
        return held.primary, held.secondary

    def get_access_token(self, name: str) -> AccessToken:
        """A token that opens the service for an hour; the next should be asked for after half of it."""
        with self.memory.reading() as tx:
            held = _held(tx, services.get(tx, name), tokens=True)
        return new_token(name, held, time.time())

    def _keep_keys(self, tx: Connection, service: Webservice, config: DeploymentConfig) -> None:
        """See to it that a service has the keys it needs; those that ``config`` names count."""
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
            self.memory.keep_private()
            keys.keep(tx, service.id, held)

    def _deliver_keys(self, service: Webservice) -> None:
        """Give the service its keys as they are now: on this disk, and at a target that cannot see it."""
        staging.deliver_keys(self.memory, service)
        target = self._targets(service.target)
        if not target.capabilities.delivers_keys:
            return
        for number, handle in (
            (service.serving, service.handle),
            (service.candidate, service.candidate_handle),
        ):
            if number is not None and handle is not None:
                file = staging.run_folder(self.memory, service, number) / staging.KEYS_FILE
                if file.is_file():
                    target.deliver_keys(target.unpack(handle), str(file))

    def _caller(self, tx: Connection, service: Webservice) -> Caller:
        """What a client must know to ask what serves now."""
        assert service.serving is not None
        config = services.get_revision(tx, service.id, service.serving).config
        held = keys.get(tx, service.id) if config.guarded else None
        credential = None
        if held is not None:
            token = new_token(service.name, held, time.time()) if config.token_auth_enabled else None
            credential = token.access_token if token else held.primary
        return Caller(credential, config.ssl_cert_pem_file)


def new_token(name: str, held: ServiceKeys, now: float) -> AccessToken:
    """A token for the service ``name``, made at ``now`` (seconds since 1970)."""
    import jwt

    made = int(now)
    claims = {"sub": name, "iat": made, "exp": made + TOKEN_SECONDS}
    return AccessToken(
        jwt.encode(claims, held.token_secret, algorithm="HS256"),
        refresh_after=datetime.fromtimestamp(made + REFRESH_SECONDS, UTC),
        expiry_on=datetime.fromtimestamp(made + TOKEN_SECONDS, UTC),
    )


def _held(tx: Connection, service: Webservice, *, tokens: bool = False) -> ServiceKeys:
    config = services.get_revision(tx, service.id, service.revision).config
    held = keys.get(tx, service.id)
    if held is None or not (config.token_auth_enabled if tokens else config.auth_enabled):
        what, option = ("tokens", "--token-auth") if tokens else ("keys", "--auth")
        raise UsageError(
            f"{service.name!r} does not ask for {what}",
            hint=f"%update {service.name} {option} makes it; auth_enabled and token_auth_enabled say it.",
        )
    return held
