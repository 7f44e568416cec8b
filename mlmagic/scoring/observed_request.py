"""What is kept of a request that was answered: its spans and its rows of collected data are made of it.

On the path of a request only these plain values are put together; the rest is done by the process that
delivers them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Fields = tuple[Any, ...]
"""Those of an `ObservedRequest`, as they are sent to the process that delivers them."""


class ObservedRequest(NamedTuple):
    """A request and its answer."""

    context: Fields | None
    run: Fields | None
    """The fields of the contexts of both spans, if somebody had to know their ids already."""
    identity: bytes
    """The request id: no character of it is escaped in JSON."""
    method: bytes
    target: bytes
    status: int
    asked_bytes: int
    answered_bytes: int | None
    """None for a stream."""
    exec_ms: float | None
    """How long run() took; None for a stream, and where nobody knows."""
    called: float
    """When the script was called first, by `time.perf_counter`; 0: never."""
    arrived: float
    clock: float
    """When it was complete, and when it was answered, by the same clock."""
    end: int
    """When it was answered, in nanoseconds since the epoch."""
    has_run: bool
    """Whether run() was called."""
    failed: bool
    run_failed: bool
    sent: bytes = b""
    sent_type: bytes | str = ""
    sent_left_out: str = ""
    """Of the body of the request, if it is collected: its text, its content type, and why it is left out."""
    answered: bytes = b""
    answered_type: bytes | str = ""
    answered_left_out: str = ""
    """The same of the answer."""
