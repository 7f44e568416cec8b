"""What a notebook and a terminal show of the requests that a service has kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlmagic.core.traffic import RecordedRequest
from mlmagic.widgets.cards import Listing

BODY_SHOWN = 120


def traffic_listing(asked: Sequence[RecordedRequest]) -> Listing:
    """When, how it was answered, and the body; used as a list, it has the bodies."""
    rows = [
        [
            f"{datetime.fromtimestamp(request.time):%Y-%m-%d %H:%M:%S}",
            str(request.status),
            f"{request.milliseconds:.3g} ms",
            request.body if len(request.body) <= BODY_SHOWN else f"{request.body[:BODY_SHOWN]}…",
        ]
        for request in asked
    ]
    headings = ["Answered", "Status", "Took", "Body"]
    caption = f"The last {len(asked)} requests" if asked else "No requests recorded since the last update."
    return Listing([request.body for request in asked], headings, rows, caption)
