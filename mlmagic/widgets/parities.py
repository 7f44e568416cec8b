"""The card of a parity check: the responses of one service on two compute targets."""

from __future__ import annotations

from mlmagic.core.parity import Parity
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
    lines = [
        f"{parity.service} on {parity.here} and on {parity.there}: {verdict}.",
        f"Median latency: {here:.3g} ms on {parity.here}, {there:.3g} ms on {parity.there}.",
        *map(str, parity.differences[:SHOWN]),
        *([f"and {count - SHOWN} more"] if count > SHOWN else []),
        *(
            f"{name} is {one} on {parity.here}, {other} on {parity.there}"
            for name, one, other in parity.packages
        ),
    ]
    body = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return Card(f'<div style="{html.FONT};max-width:900px">{body}</div>', "\n".join(lines))
