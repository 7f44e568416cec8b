"""Which requests repeat earlier ones, as %replay and %parity send them: they are not the traffic of users."""

from __future__ import annotations

import uuid

HEADER = "x-ms-request-id"
_PREFIX = "mlmagic-replay-"
MARK = HEADER.encode()
"""Only requests with this header may be such."""
_VALUE = _PREFIX.encode()


def new_identity() -> str:
    """The id of such a request."""
    return f"{_PREFIX}{uuid.uuid4().hex}"


def is_replayed(fields: dict[bytes, bytes]) -> bool:
    """Whether a request with these headers is one."""
    return MARK in fields and fields[MARK].startswith(_VALUE)
