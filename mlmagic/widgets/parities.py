"""The card of a comparison: the responses of one service on two compute targets, or of two services."""

from __future__ import annotations

from collections.abc import Mapping

from mlmagic.core.parity import Difference, Parity, shortened
from mlmagic.widgets import html
from mlmagic.widgets.cards import Card
from mlmagic.widgets.html import escape

SHOWN = 20


def parity_card(parity: Parity) -> Card:
    """Whether the responses match, the differences, the latencies and the differing packages."""
    count = len(parity.differences)
    rows = {difference.row for difference in parity.differences}
    verdict = (
        f"all {parity.rows} responses match"
        if parity.same
        else f"{len(rows)} of {parity.rows} responses differ ({html.count(count, 'difference')})"
    )
    here, there = parity.milliseconds
    on = f"{parity.service} on " if parity.service else ""
    lines = [
        f"{on}{parity.here} and {'on ' if on else ''}{parity.there}: {verdict}.",
        f"Median latency: {here:.3g} ms {'on' if on else 'of'} {parity.here}, "
        f"{there:.3g} ms {'on' if on else 'of'} {parity.there}.",
        *(_line(difference, parity.requests) for difference in parity.differences[:SHOWN]),
        *([f"and {count - SHOWN} more"] if count > SHOWN else []),
        *(
            f"{name} is {one} on {parity.here}, {other} on {parity.there}"
            for name, one, other in parity.packages
        ),
    ]
    body = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return Card(f'<div style="{html.FONT};max-width:900px">{body}</div>', "\n".join(lines))


def _line(difference: Difference, requests: Mapping[int, str]) -> str:
    body = requests.get(difference.row)
    return str(difference) if body is None else f"{difference}, to the request {shortened(body)}"
