"""Limits: how long init() and a call of run() may take, how many run at once, how long a request may wait,
how large bodies may be.

A deployment has the names and defaults of the Azure ML documents (AksWebservice): 60,000 ms, 1, 500 ms. A
server that is started by hand has the reference server's: an hour, and no limit to the wait or to init().
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlmagic.scoring.start_errors import StartFailed

TIMEOUT = "SCORING_TIMEOUT_MS"
CONCURRENT = "MLMAGIC_MAX_CONCURRENT_REQUESTS"
WAIT = "MLMAGIC_MAX_REQUEST_WAIT_MS"
INIT = "MLMAGIC_INIT_TIMEOUT_S"
BATCH_WAIT = "MLMAGIC_BATCH_WAIT_MS"
BODY = "MLMAGIC_MAX_BODY_BYTES"
BODIES = "MLMAGIC_MAX_BODIES_BYTES"

BODY_BYTES = 100 * 1024 * 1024
BODIES_AT_ONCE = 4
"""All bodies in progress may take this many times the largest one, unless `BODIES` says otherwise."""

WHOLE, SECONDS, MILLISECONDS = "a whole number", "a number of seconds", "a number of milliseconds"


class InvalidLimit(StartFailed):
    """A variable of the environment that should hold a limit holds something else."""

    phase = "limits"


@dataclass(frozen=True, slots=True)
class Limits:
    """``None`` is no limit; ``concurrent`` None is one call of a plain run() and any number of async ones."""

    timeout_s: float | None = 3600.0
    concurrent: int | None = None
    wait_s: float | None = None
    init_s: float | None = None
    body_bytes: int = BODY_BYTES
    """The largest body of a request, after decoding."""
    bodies_bytes: int = BODIES_AT_ONCE * BODY_BYTES
    """All bodies of requests in progress together."""
    batch_wait_s: float = 0.0
    """How long a request waits for others where run() is batched."""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """From the environment variables. Raises `InvalidLimit`."""
        concurrent = positive_number(environment, CONCURRENT, WHOLE)
        timeout = positive_number(environment, TIMEOUT, MILLISECONDS)
        wait = positive_number(environment, WAIT, MILLISECONDS)
        batch_wait = positive_number(environment, BATCH_WAIT, MILLISECONDS) or 0.0
        if wait is not None and batch_wait >= wait:
            raise InvalidLimit(
                f"{BATCH_WAIT} is {batch_wait:g}: it must be below {WAIT}, {wait:g}, "
                "as a request that waits longer is answered with 503"
            )
        body = int(positive_number(environment, BODY, WHOLE) or BODY_BYTES)
        return cls(
            cls().timeout_s if timeout is None else timeout / 1000,
            None if concurrent is None else int(concurrent),
            None if wait is None else wait / 1000,
            positive_number(environment, INIT, SECONDS),
            body,
            int(positive_number(environment, BODIES, WHOLE) or BODIES_AT_ONCE * body),
            batch_wait / 1000,
        )


def positive_number(environment: Mapping[str, str], name: str, kind: str) -> float | None:
    """The number in a variable; None if it is empty. Raises `InvalidLimit` unless it is ``kind`` above 0."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0 or (kind == WHOLE and not number.is_integer()):
        raise InvalidLimit(f"{name} is {text!r}: it must be {kind} above 0")
    return number
