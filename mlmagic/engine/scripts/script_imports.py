"""What an entry script imports, with the modules beside it that it imports in turn."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmagic.capture.modules import imported_modules, only_installed
from mlmagic.capture.names import parse


@dataclass(frozen=True, slots=True)
class ScriptImports:
    """The imports of a script and of its own modules."""

    modules: tuple[str, ...]
    """Dotted names of all imported modules that are not the user's own files."""
    required: frozenset[str]
    """Top-level names without which the script cannot start: imported at its start, and not in a ``try``."""
    own: frozenset[str]
    """Top-level names that the script brings along."""


def imports_of(
    text: str, folders: Iterable[Path] = (), files: Iterable[tuple[str, Path]] = ()
) -> ScriptImports:
    """The imports of the script ``text``.

    Its own modules lie in ``folders``, or are ``files``: pairs of the path in the service and the file.
    """
    places, listed = tuple(folders), dict(files)
    modules, required, own = imported_modules(text), _required(text), {_top(name) for name in listed}
    waiting = [name.partition(".")[0] for name in modules]
    seen: set[str] = set()
    while waiting:
        top = waiting.pop()
        if top in seen:
            continue
        seen.add(top)
        for path in (*_beside(top, places), *(file for name, file in listed.items() if _top(name) == top)):
            own.add(top)
            try:
                source = path.read_text(encoding="utf-8")
                found = imported_modules(source)
            except (OSError, SyntaxError, ValueError):
                continue  # a template or a test file: it is not imported either
            modules |= found
            waiting += [name.partition(".")[0] for name in found]
    others = {name for name in modules if name.partition(".")[0] not in own}
    return ScriptImports(only_installed(others), frozenset(required - own), frozenset(own))


def recorded_imports(modules: Iterable[str], paths: Iterable[str]) -> ScriptImports:
    """The imports of a script that is recorded with the files at ``paths``; it has started before."""
    return ScriptImports(tuple(modules), frozenset(), frozenset(map(_top, paths)))


def _beside(top: str, folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if (folder / f"{top}.py").is_file():
            yield folder / f"{top}.py"
        elif (folder / top).is_dir():
            yield from sorted((folder / top).rglob("*.py"))


def _top(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _required(text: str) -> set[str]:
    found: set[str] = set()
    for statement in parse(text).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found.add(statement.module.partition(".")[0])
    return found
