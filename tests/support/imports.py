"""Which modules of mlmagic import which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import mlmagic

PACKAGE = Path(mlmagic.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """``mlmagic.core`` for its ``__init__.py``, ``mlmagic.core.names`` for ``core/names.py``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """``core`` for ``mlmagic.core.names``; ``__init__`` for ``mlmagic`` itself."""
    return module.split(".")[1] if "." in module else "__init__"


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """By module, all modules of mlmagic that it imports, also inside functions and for types only."""
    modules = {module_of(path) for path in FILES}
    return {module_of(path): frozenset(_imported(path, modules)) for path in FILES}


def _imported(path: Path, modules: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module in modules:
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    yield name if name in modules else str(node.module)


def circles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """The groups of names that reach one another (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1 or name in graph.get(name, ()):
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found
