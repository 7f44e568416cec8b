"""The modules a script imports: which are the user's own files, and what must be shipped of them."""

from __future__ import annotations

import ast
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from mlmagic.capture.names import parse
from mlmagic.errors import CaptureError

DATA_LIMIT = 10_000_000
"""Bytes of a data file in a local package, above which it is left behind."""
INSTALLED = ("site-packages", "dist-packages")


def imported_modules(source: str) -> set[str]:
    """Dotted names of the modules that ``source`` imports, anywhere in it, type checking aside."""
    return set(_imported(parse(source)))


def installed_modules(source: str) -> tuple[str, ...]:
    """The modules that ``source`` imports and that are installed: not the user's own files."""
    return only_installed(imported_modules(source))


def only_installed(modules: Iterable[str]) -> tuple[str, ...]:
    """Of these dotted names, those that are not the user's own files."""
    names = sorted(set(modules))
    local = {top: is_local(top) for top in {name.partition(".")[0] for name in names}}
    return tuple(name for name in names if not local[name.partition(".")[0]])


def local_files(modules: Iterable[str]) -> dict[str, str]:
    """Path in the service -> file here, of each local module among ``modules`` and what those import."""
    files: dict[str, str] = {}
    waiting = sorted({module.partition(".")[0] for module in modules})
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        found = dict(_files_of(name))
        for inner in _imported_by(found.values()) - seen:
            seen.add(inner)
            waiting.append(inner)
        files |= found
    if "score.py" in files:
        raise CaptureError(
            "the script imports a module named 'score', which is the name of the captured script itself",
            name="score",
            hint="Rename score.py.",
        )
    return dict(sorted(files.items()))


def is_local(name: str) -> bool:
    """Whether the top-level module ``name`` is a file of the user's, not installed."""
    return bool(_locations(name))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            if child.module and not child.level:
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names if alias.name != "*")
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            yield from (name for other in child.orelse for name in _imported(ast.Module([other], [])))
        else:
            yield from _imported(child)


def _is_type_checking(test: ast.expr) -> bool:
    return (test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")) == "TYPE_CHECKING"


def _imported_by(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        if path.endswith(".py"):
            try:
                found |= imported_modules(Path(path).read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError):
                continue  # a template or a test file: it will not be imported either
    return {name.partition(".")[0] for name in found}


def _spec(name: str) -> ModuleSpec | None:
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__spec__", None)
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _locations(name: str) -> list[Path]:
    """The file or folders of a local top-level module; nothing for any other."""
    if name in sys.stdlib_module_names or name in ("__main__", "mlmagic"):
        return []
    spec = _spec(name)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        paths = [Path(place) for place in spec.submodule_search_locations]
    else:
        paths = [Path(spec.origin)] if spec.origin and spec.has_location else []
    return [path.resolve() for path in paths if path.exists() and not _is_installed(path)]


def _is_installed(path: Path) -> bool:
    path = path.absolute()
    if any(part in INSTALLED for part in path.parts):
        return True
    return any(place in path.parents or place in path.resolve().parents for place in _installed_folders())


@cache
def _installed_folders() -> frozenset[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_paths()[name] for name in names]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    return frozenset(Path(folder).resolve() for folder in folders)


def _files_of(name: str) -> Iterator[tuple[str, str]]:
    for location in _locations(name):
        if location.is_file():
            yield location.name, str(location)
            continue
        for folder, folders, files in os.walk(location):
            folders[:] = sorted(
                inner for inner in folders if inner != "__pycache__" and not inner.startswith(".")
            )
            for file in sorted(files):
                path = Path(folder, file)
                if _is_shipped(path):
                    yield f"{name}/{path.relative_to(location).as_posix()}", str(path)


def _is_shipped(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix == ".pyc" or not path.is_file():
        return False
    return path.suffix == ".py" or path.stat().st_size <= DATA_LIMIT
