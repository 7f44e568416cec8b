"""The attributes and items that cells set or change: ``config.LIMIT = 5``, ``table["a"] = 1``."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MUTATORS = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "insert",
        "remove",
        "pop",
        "popleft",
        "popitem",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "add",
        "discard",
    ]
)
"""Methods of containers that change them."""

ABSENT = object()
"""In place of a value that there is not."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place that a cell sets, or whose object it changes."""

    path: tuple[str, ...]
    """The name, and the attributes from there."""
    key: object = ABSENT
    """The constant key of an item that is set."""
    in_place: bool = False
    """A method changes the object: ``config.rows.append(1)``."""

    @property
    def has_key(self) -> bool:
        return self.key is not ABSENT


def changes_in(cells: Iterable[ast.Module]) -> dict[Change, None]:
    """The changes that the cells make to attributes and items, in their order, each once."""
    found: dict[Change, None] = {}
    for tree in cells:
        for node in ast.walk(tree):
            found.update(dict.fromkeys(_changes(node)))
    return found


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Attribute(ctx=ast.Store()) if len(path := path_in(node)) > 1:
            yield Change(path)
        case ast.Call(func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(name)), _]) if (
            path := path_in(owner)
        ):
            yield Change((*path, name))
        case ast.Subscript(value=owner, slice=ast.Constant(value=key), ctx=ast.Store()) if path := path_in(
            owner
        ):
            yield Change(path, key)
        case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()) if len(path := path_in(owner)) > 1:
            yield Change(path, in_place=True)
        case ast.Call(
            func=ast.Attribute(value=owner, attr="update"), args=[ast.Dict(keys=keys)], keywords=[]
        ) if (path := path_in(owner)) and all(isinstance(key, ast.Constant) for key in keys):
            yield from (Change(path, key.value) for key in keys if isinstance(key, ast.Constant))
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if (
            method in MUTATORS and len(path := path_in(owner)) > 1
        ):
            yield Change(path, in_place=True)


def path_in(node: ast.AST) -> tuple[str, ...]:
    """The name and the attributes of ``a.b.c``; empty for any other expression."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else ()
