"""Values that definitions change while they run: registries that decorators fill, and counters. Pure.

The script defines such a value first, and gives it the notebook's value again after all definitions.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from mlmagic.capture.names import parse
from mlmagic.capture.pieces import Piece, reach
from mlmagic.capture.timeline import changed_in_place

_EMPTY: dict[type, str] = {dict: "{}", list: "[]", set: "set()"}


def with_restored(
    pieces: Mapping[str, Piece], values: Mapping[str, object]
) -> tuple[dict[str, Piece], list[str]]:
    """The pieces, and the statements after them that restore the ``values`` which definitions change."""
    found, restored = dict(pieces), []
    changed = {name for piece in pieces.values() for name in _changed(piece)}
    started = reach((name for piece in pieces.values() if piece.is_block for name in piece.early), pieces)
    for name in sorted(changed & started):
        piece = pieces.get(name)
        if piece is None or piece.is_block or name not in values:
            continue
        statement = parse(piece.source).body[0]
        if not isinstance(statement, ast.Assign):
            continue
        text = ast.get_source_segment(piece.source, statement.value) or ""
        kind = type(values[name])
        if kind in _EMPTY:
            restored.append(
                f"{name}[:] = {text}\n" if kind is list else f"{name}.clear()\n{name}.update({text})\n"
            )
            if piece.early:
                found[name] = replace(piece, source=f"{name} = {_EMPTY[kind]}\n", early=frozenset())
        elif kind in (int, float, str, bool, tuple, type(None)) and not piece.early:
            restored.append(piece.source)
    return found, restored


def _changed(piece: Piece) -> set[str]:
    """Global names whose values the functions of a piece change, and those that its decorators are given."""
    if not piece.is_block:
        return set()
    found: set[str] = set()
    for node in ast.walk(parse(piece.source)):
        if isinstance(node, ast.Global):
            found |= set(node.names)
        for decorator in getattr(node, "decorator_list", ()):
            found |= {inner.id for inner in ast.walk(decorator) if isinstance(inner, ast.Name)}
        found.add(changed_in_place(node))
    return found
