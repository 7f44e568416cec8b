"""What is newer than what a service serves, and so what an update to the newest would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmagic.core.names import ModelReference


@dataclass(frozen=True, slots=True)
class Renewal:
    """An update that is not asked for yet. False when there is nothing newer."""

    served: tuple[str, ...]
    """Model ids of now."""
    newest: tuple[str, ...]
    """Those in their place."""
    script: str = ""
    """The script in place of the one that is served, in words; empty to keep that."""

    def __bool__(self) -> bool:
        return bool(self.script) or self.served != self.newest

    @property
    def words(self) -> tuple[str, ...]:
        """Each change in a line."""
        changed = [
            f"{before} becomes {after}"
            for before, after in zip(self.served, self.newest, strict=True)
            if before != after
        ]
        return (*changed, *([f"the script becomes {self.script}"] if self.script else []))


def newest_of(served: Sequence[str], newest: Mapping[str, int]) -> tuple[str, ...]:
    """The ids ``served``, each with the newest version of its name; never one that is older.

    Versions of one name that are served side by side are meant so, and stay.
    """
    references = [ModelReference.parse(model_id) for model_id in served]
    times = Counter(reference.name for reference in references)
    return tuple(
        str(reference)
        if times[reference.name] > 1
        else f"{reference.name}:{max(newest.get(reference.name, 0), reference.version or 0)}"
        for reference in references
    )
