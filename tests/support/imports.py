"""The rooms of mlmagic, which modules import which, and circles: ``python -m tests.house`` prints them.

An import counts wherever it stands: at the top of a module, inside a function, or for type checkers only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import mlmagic

PACKAGE = Path(mlmagic.__file__).parent
# A room may import itself and those named here; `errors`, `visible_text` and `_version` are open to all.
MAY_IMPORT = {
    "core": set(),
    "scoring": set(),
    "capture": {"core"},
    "workspace": {"core", "scoring"},
    "targets": {"core", "scoring"},
    "engine": {"core", "capture", "workspace", "targets", "scoring"},
    "sdk": {"core", "workspace", "engine", "scoring"},
    "widgets": {"core", "engine", "sdk"},
    "labserver": {"core", "workspace", "engine", "widgets"},
    "magics": {"core", "capture", "workspace", "targets", "engine", "sdk", "widgets"},
    "cli": {"core", "scoring", "workspace", "targets", "engine", "sdk", "widgets", "demo"},
    "demo": {"core", "workspace", "targets", "engine"},
    "azureml": {"sdk"},
    "errors": set(),
    "visible_text": set(),
    "_version": set(),
    # The roof: whatever it offers is imported when it is used.
    "__init__": {"magics", "sdk", "engine", "scoring"},
    "__main__": {"cli"},
}
OPEN_TO_ALL = {"errors", "visible_text", "_version"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """``core`` for ``mlmagic.core.names``; ``__init__`` for ``mlmagic`` itself."""
    return module.split(".")[1] if "." in module else "__init__"


def module_of(path: Path) -> str:
    """``mlmagic.core`` for its ``__init__.py``, ``mlmagic.core.names`` for ``core/names.py``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """By module, all modules of mlmagic that it imports: anywhere in a function, and for types only, too."""
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
    """The groups of modules that import each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph.get(module, ()):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1 or module in graph.get(module, ()):
                found.append(sorted(group))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def arrows_back() -> list[str]:
    """Each import from one room into another that its rule does not allow."""
    return [
        f"{module} -> {other}"
        for module, others in imports().items()
        for other in sorted(others)
        if room_of(other) not in {room_of(module), *OPEN_TO_ALL, *MAY_IMPORT[room_of(module)]}
    ]
