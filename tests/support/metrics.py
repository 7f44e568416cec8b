"""The metrics of a fake server, as `GET /metrics` of a scoring server answers."""

from __future__ import annotations

import json


def metrics(requests: int, instance: str = "a", *, errors: int = 0, uptime: float = 1.0) -> bytes:
    """``requests`` took between 2 and 4 ms each."""
    return json.dumps(
        {
            "requests": requests,
            "errors": errors,
            "instance": instance,
            "uptime_s": uptime,
            "latencies_ms": [[2.0, 4.0, requests]] if requests else [],
        }
    ).encode()
