"""The table of the revisions of a service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlmagic.core.advice import rollback
from mlmagic.core.revisions import RevisionSummary
from mlmagic.errors import Advice
from mlmagic.widgets.cards import Listing

HEADINGS = ("Revision", "Status", "Created", "Models", "Script", "Target", "Change")


def revisions_listing(name: str, found: Sequence[RevisionSummary]) -> Listing:
    """Number, status, time, models, script, target and change of each revision, the newest first."""
    rows = [
        [
            str(each.number),
            each.status,
            _shown(each.created_time),
            ", ".join(each.models),
            each.script,
            each.target,
            each.change,
        ]
        for each in found
    ]
    caption = Advice("Revisions of {name}. Go back to one with: {back}", name=name, back=rollback(name))
    return Listing(found, HEADINGS, rows, caption)


def _shown(created: float | None) -> str:
    return "" if created is None else f"{datetime.fromtimestamp(created):%Y-%m-%d %H:%M:%S}"
