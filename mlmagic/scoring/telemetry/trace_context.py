"""Which trace a request belongs to: the headers of W3C Trace Context.

Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import os
import random
import re
from typing import NamedTuple

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1
_random = random.Random()
"""Not a secret, so not the system's, which takes a call of the system for each id."""


class TraceContext(NamedTuple):
    """The span of a request: its own id, its trace, and the caller's span."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    parent_id: str = ""
    """That of the caller's span; empty for the first span of a trace."""
    is_sampled: bool = True
    """False if the caller keeps no record of this trace, and neither do we."""
    state: str = ""
    """What the tracing systems of callers pass on with it: the header ``tracestate``."""

    def child(self) -> TraceContext:
        """A new span of the same trace, below this one."""
        return self._replace(span_id=_new(64), parent_id=self.span_id)

    def header(self) -> str:
        """The header ``traceparent`` of what is called below this span."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def context_of(header: bytes | None, state: bytes | None = None) -> TraceContext:
    """The context of a request with these headers: a new span of the caller's trace, else of a new one."""
    found = _PARENT.fullmatch(header.strip()) if header else None
    if found is not None and _is_valid(found):
        sampled = bool(int(found[4], 16) & _SAMPLED)
        passed = state.decode("latin-1").strip() if state else ""
        return TraceContext(found[2].decode(), _new(64), found[3].decode(), sampled, passed)
    return TraceContext(_new(128), _new(64))


def new_digits(count: int) -> str:
    """So many random hexadecimal digits, an even number: the ids of many spans in one piece."""
    return _random.randbytes(count // 2).hex()


def _is_valid(found: re.Match[bytes]) -> bool:
    """All zeros are no ids, and version ff is none; a version after 00 may have more parts."""
    version = found[1]
    return bool(
        version != b"ff"
        and found[2].strip(b"0")
        and found[3].strip(b"0")
        and (version != b"00" or not found[5])
    )


def _new(bits: int) -> str:
    return f"{_random.getrandbits(bits) or 1:0{bits // 4}x}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # no two processes make the same ids
