"""The table of the recorded requests of a service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlmagic.core.traffic import RecordedRequest
from mlmagic.widgets.cards import Listing

BODY_SHOWN = 120


def traffic_listing(asked: Sequence[RecordedRequest]) -> Listing:
    """Time, status, latency and body of each request; as a list, the bodies."""
    rows = [
        [
            f"{datetime.fromtimestamp(request.time):%Y-%m-%d %H:%M:%S}",
            str(request.status),
            f"{request.milliseconds:.3g} ms",
            request.body if len(request.body) <= BODY_SHOWN else f"{request.body[:BODY_SHOWN]}…",
        ]
        for request in asked
    ]
    headings = ["Time", "Status", "Latency", "Body"]
    caption = f"The last {len(asked)} requests" if asked else "No requests recorded since the last update."
    return Listing([request.body for request in asked], headings, rows, caption)
