"""What the table of profiles shows: a row for each, which opens its result in place."""

from __future__ import annotations

from typing import Any

from mlmagic.core.profile import Profile, size_in_words
from mlmagic.visible_text import visible
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.figures import NOT_KNOWN, rounded
from mlmagic.widgets.live_table import LiveTable
from mlmagic.widgets.profiles import profile_view


class LiveProfiles(LiveTable):
    """The rows of a workspace's profiles."""

    polls = True

    def read(self) -> list[dict[str, Any]]:
        return [row(profile) for profile in self._engine.profiles.list()]

    def calls(self) -> Answers:
        return {"details": lambda values: profile_view(self._engine.profiles.get(str(values.get("profile"))))}


def row(profile: Profile) -> dict[str, Any]:
    """A profile as a row: texts, and for each figure its text and the number to sort by."""
    size, advice = profile.chosen, profile.recommendation
    load = size and (size.load("open") or size.load("closed"))
    p99 = load.percentiles_ms.get("99") if load else None
    return {
        "id": profile.name,
        "name": profile.name,
        "state": str(profile.state),
        "words": visible(profile.words or profile.error),
        "models": ", ".join(profile.models),
        "recommended": size_in_words(advice.cpu, advice.memory_gb) if advice else "",
        "capacity": [rounded(size.capacity), size.capacity] if size else [NOT_KNOWN, None],
        "p99": [f"{rounded(p99)} ms", p99] if p99 is not None else [NOT_KNOWN, None],
        "created": profile.created_time,
    }
