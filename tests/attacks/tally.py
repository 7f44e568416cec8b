"""What an attack has tried, and what it has found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN = 10
"""So many faults of one attack are written out."""


@dataclass(slots=True)
class Tally:
    """The count of one attack."""

    name: str
    tried: int = 0
    interrupted: int = 0
    """How many of the trials were really cut short."""
    lost: list[str] = field(default_factory=list)
    """What was lost or false, one sentence each, with the seed of the trial."""
    remarks: Counter[str] = field(default_factory=Counter)
    """What is worth knowing and is no loss."""
    figures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> str:
        return f"{self.name:44}{self.tried:>8}{self.interrupted:>13}{len(self.lost):>6}{self.seconds:>9.0f}"


class Budget:
    """How long an attack may go on, and how often it may try: whichever ends first."""

    def __init__(self, seconds: float, tries: int) -> None:
        self.tries = tries
        self._end = time.monotonic() + seconds

    def allows(self, tried: int) -> bool:
        return tried < self.tries and time.monotonic() < self._end


def report(tallies: Sequence[Tally], heading: str) -> str:
    """The table of all attacks, as Markdown."""
    lines = ["# What mlmagic survives", "", heading, "", "```"]
    lines.append(f"{'attack':44}{'tried':>8}{'interrupted':>13}{'lost':>6}{'seconds':>9}")
    lines += [tally.row() for tally in tallies]
    lines += ["```", ""]
    for tally in tallies:
        if not (tally.lost or tally.remarks or tally.figures):
            continue
        lines += [f"## {tally.name}", ""]
        lines += [f"* {each}" for each in tally.figures]
        lines += [f"* {count} times: {text}" for text, count in tally.remarks.most_common(SHOWN)]
        lines += [f"* **lost:** {each}" for each in tally.lost[:SHOWN]]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
