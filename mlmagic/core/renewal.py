"""Available updates: newer models and scripts than those that a service serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmagic.core.names import ModelReference


@dataclass(frozen=True, slots=True)
class Renewal:
    """An update that is available. False if there is nothing newer."""

    served: tuple[str, ...]
    """The ids of the models that are served."""
    newest: tuple[str, ...]
    """The ids that would replace them, in the same order."""
    script: str = ""
    """A description of the new script; empty if the script does not change."""

    def __bool__(self) -> bool:
        return bool(self.script) or self.served != self.newest

    @property
    def words(self) -> tuple[str, ...]:
        """The changes, one a line."""
        changed = [
            f"{before} becomes {after}"
            for before, after in zip(self.served, self.newest, strict=True)
            if before != after
        ]
        return (*changed, *([f"the script becomes {self.script}"] if self.script else []))


def newest_of(served: Sequence[str], newest: Mapping[str, int]) -> tuple[str, ...]:
    """The ids ``served``, each with the newest version of its name; never one that is older.

    Several versions of one name that are served together are kept.
    """
    references = [ModelReference.parse(model_id) for model_id in served]
    times = Counter(reference.name for reference in references)
    return tuple(
        str(reference)
        if times[reference.name] > 1
        else f"{reference.name}:{max(newest.get(reference.name, 0), reference.version or 0)}"
        for reference in references
    )
