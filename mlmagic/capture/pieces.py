"""The parts of a captured script, and their order: what is needed to define a part comes before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """Source that binds ``name``; ``needs`` are used when called, ``early`` when it is defined."""

    name: str
    source: str
    needs: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()
    rebinds: str = ""
    """Another name it binds on the way, which a piece of that name must overwrite."""

    @property
    def is_block(self) -> bool:
        """Whether it is set off by blank lines, as functions and classes are."""
        return self.source.startswith(("def ", "async ", "class ", "@", "if "))


def in_order(pieces: Mapping[str, Piece]) -> list[Piece]:
    """Values first, then definitions as they were met, but none after a piece that is defined with it.

    What a decorator or a default calls when it runs may need any of its own names, so all that an
    early name reaches comes before.
    """
    before = {name: _before(piece, pieces) for name, piece in pieces.items()}
    for piece in pieces.values():
        if piece.rebinds in before and piece.rebinds != piece.name:
            before[piece.rebinds].add(piece.name)
    ordered: dict[str, Piece] = {}
    for piece in sorted(pieces.values(), key=lambda piece: (piece.is_block, bool(piece.early))):
        _place(piece.name, pieces, before, ordered)
    return list(ordered.values())


def _before(piece: Piece, pieces: Mapping[str, Piece]) -> set[str]:
    return reach(piece.early, pieces) - {piece.name}


def reach(names: Iterable[str], pieces: Mapping[str, Piece]) -> set[str]:
    """The pieces that ``names`` use, themselves too, in turn."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in pieces and name not in seen:
            seen.add(name)
            waiting += pieces[name].needs | pieces[name].early
    return seen


def _place(
    start: str, pieces: Mapping[str, Piece], before: Mapping[str, set[str]], ordered: dict[str, Piece]
) -> None:
    # A stack and not recursion: a notebook may well chain a thousand helpers.
    waiting, entered = [start], set[str]()
    while waiting:
        name = waiting[-1]
        missing = [] if name in entered else sorted(before[name] - ordered.keys() - entered)
        entered.add(name)
        if missing:
            waiting += reversed(missing)
            continue
        waiting.pop()
        ordered.setdefault(name, pieces[name])
