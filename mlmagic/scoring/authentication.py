"""Authentication: keys and tokens in the header ``Authorization: Bearer ...``.

A service has two keys, so that one can be replaced while callers use the other, and a secret with which
short-lived tokens are signed (JWT, HS256). It accepts those that it has:

    {"primary": "...", "secondary": "...", "token_secret": "..."}     the keys file, any of the three;
                                                                      "service" is whose tokens are accepted
    MLMAGIC_PRIMARY_KEY, MLMAGIC_SECONDARY_KEY, MLMAGIC_TOKEN_SECRET  the same, where there is no file

The file is read again when it changes. No message says which part of a credential was wrong.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.watched_files import WatchedFiles

VARIABLES = {
    "primary": "MLMAGIC_PRIMARY_KEY",
    "secondary": "MLMAGIC_SECONDARY_KEY",
    "token_secret": "MLMAGIC_TOKEN_SECRET",
}
OPEN = frozenset(
    [b"/", b"/swagger.json", b"/docs", b"/metrics", b"/v2", b"/v2/health/live", b"/v2/health/ready"]
)
"""Routes without authentication: health, descriptions and metrics. All others score.

The metrics are numbers of requests and seconds, and what the script's author registers there, never what was
in a request. Probes and scrapers read them, and a key for each of those would be a key in one more place.
"""
ALGORITHM = "HS256"
SECRET_BYTES = 32
"""A secret that is shorter than the hash can be found by brute force."""
LOOK_S = 0.2
"""A key that was replaced is refused at most this much later; a new one is accepted at once."""
VERIFIED_LIMIT = 256


class InvalidCredentials(StartFailed):
    """The keys cannot be read: a service that should have keys does not start without them."""

    phase = "access"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of a service, and the secret that its tokens are signed with."""

    primary: str | None = field(default=None, repr=False)
    secondary: str | None = field(default=None, repr=False)
    token_secret: str | None = field(default=None, repr=False)
    service: str | None = None
    """The service that tokens must be for; None: any, which only the secret holds back."""

    @classmethod
    def read(cls, path: Path) -> Credentials:
        """From a keys file. Raises `InvalidCredentials` with its name."""
        try:
            record = json.loads(path.read_bytes())
        except OSError as error:
            raise InvalidCredentials(f"keys file {path}: {error.strerror}", hint=_HINT) from None
        except ValueError:
            raise InvalidCredentials(f"keys file {path} is not JSON", hint=_HINT) from None
        if not isinstance(record, dict):
            raise InvalidCredentials(f"keys file {path} does not contain a JSON object", hint=_HINT)
        return cls._of(record, f"keys file {path}", {name: name for name in VARIABLES})

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> Credentials | None:
        """From the variables, which are removed: the script's environment holds no keys. None without any."""
        given = {name: environment.pop(variable, None) for name, variable in VARIABLES.items()}
        if all(value is None for value in given.values()):
            return None
        held = {name: value for name, value in given.items() if value is not None}
        return cls._of(held, "environment", VARIABLES)

    @classmethod
    def _of(cls, record: Mapping[str, Any], where: str, called: Mapping[str, str]) -> Credentials:
        given = {name: record[name] for name in VARIABLES if name in record}
        for name, value in given.items():
            if not isinstance(value, str) or not _can_be_sent(value):
                # Without the value: this goes to the log.
                raise InvalidCredentials(
                    f"{where}: {called[name]} must be text of visible ASCII characters", hint=_HINT
                )
            if name == "token_secret" and len(value) < SECRET_BYTES:
                raise InvalidCredentials(
                    f"{where}: {called[name]} must have at least {SECRET_BYTES} characters", hint=_HINT
                )
        if not given:
            raise InvalidCredentials(f"{where} has none of {', '.join(VARIABLES)}", hint=_HINT)
        service = record.get("service")
        if service is not None and not isinstance(service, str):
            raise InvalidCredentials(f"{where}: service must be text", hint=_HINT)
        return cls(**given, service=service)


class Authenticator:
    """Checks the credentials of callers against those given, or those that the file contains at that time."""

    def __init__(
        self,
        source: Credentials | Path,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        # Here, and not for each caller; a service without authentication does without both.
        from hashlib import sha256
        from hmac import compare_digest

        self._hash, self._compare = sha256, compare_digest
        self._path = source if isinstance(source, Path) else None
        self._watched = WatchedFiles(source) if isinstance(source, Path) else None
        self._clock = clock
        self._ticks = ticks
        self._looked = ticks()
        self._use(Credentials.read(source) if isinstance(source, Path) else source)

    @classmethod
    def of(cls, keys_file: str | None, environment: MutableMapping[str, str]) -> Authenticator | None:
        """From the options of a server; None without authentication. Raises `InvalidCredentials`."""
        held = Credentials.taken_from(environment)
        source = Path(keys_file).absolute() if keys_file else held
        return cls(source) if source else None

    def admits(self, path: bytes, authorization: bytes | None) -> bool:
        """Whether a request for ``path`` with this header (None without one) is authenticated."""
        if path in OPEN:
            return True
        presented = bearer(authorization)
        if presented is None:
            return False
        now = self._ticks()
        if now - self._looked >= LOOK_S:
            self._renew(now)
        # What is refused may be a key that has just been made.
        return self._knows(presented) or (self._renew(now) and self._knows(presented))

    def _knows(self, presented: bytes) -> bool:
        # Digests, so that not even the length of a key shows in the time; and all of them, always.
        digest = self._hash(presented).digest()
        found = False
        for key in self._keys:
            found |= self._compare(digest, key)
        return found or (self._token_secret is not None and self._is_token(presented, digest))

    def _is_token(self, presented: bytes, digest: bytes) -> bool:
        expires = self._verified.get(digest)
        if expires is None:
            expires = expiry(presented, self._token_secret or "", self._service)
            if expires is None:
                return False
            if len(self._verified) >= VERIFIED_LIMIT:
                self._verified.clear()
            self._verified[digest] = expires
        return self._clock() < expires

    def _renew(self, now: float) -> bool:
        """Read the file again if it has changed; whether it had."""
        self._looked = now
        if self._path is None or self._watched is None or not self._watched.changed():
            return False
        try:
            self._use(Credentials.read(self._path))
        except InvalidCredentials as error:
            print(f"mlmagic: {error}; the previous keys stay in use", file=sys.stderr, flush=True)
            return False
        return True

    def _use(self, credentials: Credentials) -> None:
        keys = (credentials.primary, credentials.secondary)
        self._keys = [self._hash(key.encode()).digest() for key in keys if key is not None]
        self._token_secret, self._service = credentials.token_secret, credentials.service
        self._verified: dict[bytes, float] = {}
        """Digest of a token that was verified -> when it expires; to verify takes longer than to score."""
        if self._token_secret is not None:
            import jwt  # noqa: F401 (now, and not while the first caller waits)


def bearer(authorization: bytes | None) -> bytes | None:
    """The credential in an Authorization field; None where there is none of this kind."""
    if authorization is None:
        return None
    scheme, _, credential = authorization.partition(b" ")
    credential = credential.strip()
    return credential if scheme.lower() == b"bearer" and credential else None


def expiry(token: bytes, secret: str, service: str | None = None) -> float | None:
    """When ``token`` expires, as seconds since 1970; None unless ``secret`` signed it for ``service``."""
    import jwt

    try:
        # The time is compared by `Authenticator`, each time; here it would be only once.
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            options={"require": ["exp"], "verify_exp": False, "verify_aud": False, "verify_sub": False},
        )
    except (jwt.InvalidTokenError, ValueError, TypeError):
        return None
    expires = claims["exp"]
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not math.isfinite(expires):
        return None
    return float(expires) if is_for(claims, service) else None


def is_for(claims: Mapping[str, Any], service: str | None) -> bool:
    """Whether a token with these claims is meant for ``service``, by its subject and its audience.

    A token for an audience is refused by a server that does not know which service it is.
    """
    subject, audience = claims.get("sub"), claims.get("aud")
    if service is None:
        return "aud" not in claims and ("sub" not in claims or (isinstance(subject, str) and bool(subject)))
    named = audience if isinstance(audience, list) else [audience]
    return subject == service and ("aud" not in claims or service in named)


def _can_be_sent(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


_HINT = (
    'A keys file looks like {"primary": "...", "secondary": "..."}, or {"token_secret": "..."} for tokens; '
    f"the variables are {', '.join(VARIABLES.values())}."
)
