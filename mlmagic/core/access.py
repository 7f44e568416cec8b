"""Authentication of a service's callers: two keys, the secret that signs tokens, and access tokens."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from mlmagic.errors import InvalidConfig

KEY_LENGTH = 32
KEY_LENGTHS = range(8, 257)
_ALPHABET = string.ascii_letters + string.digits


class WhichKey(StrEnum):
    """A service has two keys, so that one can be replaced while callers use the other."""

    PRIMARY = "primary"
    SECONDARY = "secondary"

    @classmethod
    def named(cls, name: str) -> WhichKey:
        """``Primary`` or ``secondary``, in any case; raises `InvalidConfig` for another."""
        try:
            return cls(name.lower())
        except (ValueError, AttributeError):
            raise InvalidConfig("key", name, "must be Primary or Secondary") from None


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """The keys of a service and its token secret; ``repr`` shows none of them."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)
    token_secret: str = field(repr=False)

    @classmethod
    def new(cls) -> ServiceKeys:
        """New random keys and a new token secret."""
        import secrets

        return cls(new_key(), new_key(), secrets.token_hex(32))

    def with_key(self, which: WhichKey, key: str | None = None) -> ServiceKeys:
        """A copy with one key replaced by ``key``, or by a new one."""
        if key is not None:
            check_key(f"{which} key", key)
        return replace(self, **{which.value: key or new_key()})

    def accepted(self, service: str, *, keys: bool, tokens: bool) -> Mapping[str, str]:
        """The content of the keys file: what the server of ``service`` accepts.

        See `mlmagic.scoring.authentication`.
        """
        taken = {"primary": self.primary, "secondary": self.secondary} if keys else {}
        return {**taken, **({"token_secret": self.token_secret, "service": service} if tokens else {})}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token, and when to request the next one. Names are Azure ML v1's; times are UTC."""

    access_token: str = field(repr=False)
    refresh_after: datetime
    expiry_on: datetime
    token_type: str = "Bearer"


def new_key() -> str:
    """A new random key: 32 letters and digits, as in Azure ML v1."""
    import secrets

    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))


def check_key(name: str, key: str) -> None:
    """Raises `InvalidConfig`, without the key, unless it is long enough and can be sent in a header."""
    fits = isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key
    if not fits or len(key) not in KEY_LENGTHS:
        raise InvalidConfig(name, "***", "must be 8 to 256 visible ASCII characters without blanks")
