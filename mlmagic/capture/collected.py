"""What a captured script is made of so far, and the names that are still to be resolved."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from mlmagic.capture.history import Import
from mlmagic.capture.pieces import Piece
from mlmagic.errors import CaptureError


@dataclass(frozen=True, slots=True)
class Need:
    """One name that is needed: by the cell on ``line``, or by the function or class ``user``."""

    name: str
    line: int
    user: str
    namespace: Mapping[str, object]
    early: bool = False
    """Needed above the cell, so that the cell's own definition of it comes too late."""

    @property
    def where(self) -> str:
        return f"(used by {self.user})" if self.user else f"(line {self.line})"


@dataclass(slots=True)
class Collected:
    """Imports, pieces of source, and what they need in turn."""

    imports: dict[str, Import] = field(default_factory=dict)
    """Name it binds -> import."""
    modules: set[str] = field(default_factory=set)
    """Modules imported under their own dotted name, on top of ``imports``."""
    pieces: dict[str, Piece] = field(default_factory=dict)
    carried: list[str] = field(default_factory=list)
    """Names brought in from the notebook, in the order they were met."""
    waiting: deque[Need] = field(default_factory=deque)
    quoted: deque[Need] = field(default_factory=deque)
    """Needs of annotations that are kept as text."""

    values: dict[str, object] = field(default_factory=dict)
    """The value that each name was resolved to."""
    problems: list[CaptureError] = field(default_factory=list)
    postponed: bool = False
    """Whether annotations stay text, as where a definition's cell had the future import."""

    def add(self, piece: Piece) -> None:
        """Add the source of a name."""
        self.pieces[piece.name] = piece
        self.carried.append(piece.name)

    def add_import(self, found: Import, need: Need) -> None:
        """Add the import that meets ``need``."""
        self.imports[found.name] = found
        self.carried.append(need.name)

    def copy(self) -> Collected:
        """A copy that later additions do not change."""
        return Collected(*(copy.copy(getattr(self, part.name)) for part in fields(self)))

    def restore(self, before: Collected) -> None:
        """Forget all that was added since the `copy`."""
        for part in fields(self):
            setattr(self, part.name, getattr(before, part.name))
