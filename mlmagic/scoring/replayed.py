"""Which requests repeat earlier ones, as %replay and %parity send them: they are not the traffic of users."""

from __future__ import annotations

import uuid

HEADER = "x-ms-request-id"
_PREFIX = "mlmagic-replay-"
_FIELD, _VALUE = HEADER.encode(), _PREFIX.encode()


def new_identity() -> str:
    """The id of such a request."""
    return f"{_PREFIX}{uuid.uuid4().hex}"


def is_replayed(fields: dict[bytes, bytes]) -> bool:
    """Whether a request with these headers is one."""
    return _FIELD in fields and fields[_FIELD].startswith(_VALUE)
