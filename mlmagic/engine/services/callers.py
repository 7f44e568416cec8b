"""What a caller of a service needs: a key or a token, and the certificate to expect."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlmagic.core.access import AccessToken
from mlmagic.core.webservice import Webservice
from mlmagic.engine.http.client import Caller
from mlmagic.workspace import keys, services

if TYPE_CHECKING:
    from sqlalchemy import Connection

TOKEN_SECONDS = 3600
REFRESH_SECONDS = TOKEN_SECONDS // 2
"""How long after a token clients should request the next one."""


def caller_of(tx: Connection, service: Webservice) -> Caller:
    """The credential and the certificate that a client needs to call a service that serves."""
    assert service.serving is not None
    config = services.get_revision(tx, service.id, service.serving).config
    held = keys.get(tx, service.id) if config.guarded else None
    credential = None
    if held is not None:
        token = new_token(service.name, held.token_secret, time.time()) if config.token_auth_enabled else None
        credential = token.access_token if token else held.primary
    return Caller(credential, config.ssl_cert_pem_file)


def new_token(name: str, secret: str, now: float) -> AccessToken:
    """A token for ``name``, signed with ``secret`` and made at ``now`` (seconds since 1970)."""
    import jwt

    made = int(now)
    claims = {"sub": name, "iat": made, "exp": made + TOKEN_SECONDS}
    return AccessToken(
        jwt.encode(claims, secret, algorithm="HS256"),
        refresh_after=datetime.fromtimestamp(made + REFRESH_SECONDS, UTC),
        expiry_on=datetime.fromtimestamp(made + TOKEN_SECONDS, UTC),
    )
