"""Who may import whom, that no imports form a circle, and that loading mlmagic is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import mlmagic

PACKAGE = Path(mlmagic.__file__).parent
# A room may import itself and those named here; `errors` and `_version` are open to all.
MAY_IMPORT = {
    "core": set(),
    "scoring": set(),
    "capture": {"core"},
    "workspace": {"core", "scoring"},
    "targets": {"core", "scoring"},
    "engine": {"core", "capture", "workspace", "targets"},
    "sdk": {"core", "workspace", "engine", "scoring"},
    "widgets": {"core", "engine", "sdk"},
    "magics": {"core", "capture", "workspace", "targets", "engine", "sdk", "widgets"},
    "cli": {"core", "scoring", "workspace", "engine", "sdk", "widgets", "demo"},
    "demo": {"core", "workspace", "targets", "engine"},
    "azureml": {"sdk"},
    "errors": set(),
    "_version": set(),
    # The roof: whatever it offers is imported when it is used.
    "__init__": {"magics", "sdk", "engine", "scoring"},
    "__main__": {"cli"},
}
OPEN_TO_ALL = {"errors", "_version"}
# Of the scoring room, other rooms know the run folder's protocol and files, its bell and door, the names of
# its variables, and which certificates it takes.
OPEN_OF_SCORING = {
    "mlmagic.scoring.bell",
    "mlmagic.scoring.door",
    "mlmagic.scoring.http.cors",
    "mlmagic.scoring.http.tls",
    "mlmagic.scoring.limits",
    "mlmagic.scoring.recorder",
    "mlmagic.scoring.report",
    "mlmagic.scoring.shims",
    "mlmagic.scoring.__main__",
}
HEAVY = {
    "docker",
    "fsspec",
    "kubernetes",
    "matplotlib",
    "onnxruntime",
    "sklearn",
    "sqlalchemy",
    "numpy",
    "pandas",
    "psycopg",
}
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


def test_a_circle_is_found() -> None:
    graph = {
        name: frozenset(others) for name, others in {"a": "b", "b": "cd", "c": "a", "d": "e", "e": ""}.items()
    }
    assert circles(graph) == [["a", "b", "c"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_downwards_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports()[module_of(path)]:
        other = room_of(name)
        if other == room or other in OPEN_TO_ALL:
            continue
        assert other != "__init__", f"{room} imports the roof, mlmagic/__init__.py"
        assert other in MAY_IMPORT[room], f"{room} may not import {name}"
        if other == "scoring":
            assert any(name.startswith(open_part) for open_part in OPEN_OF_SCORING), name


def test_no_imports_form_a_circle() -> None:
    assert circles(imports()) == []


def test_rooms_form_no_circle() -> None:
    assert circles({room: frozenset(others) for room, others in MAY_IMPORT.items()}) == []


def test_the_roof_offers_what_it_says() -> None:
    for name in mlmagic.__all__:
        assert getattr(mlmagic, name) is not None
        home = mlmagic._PUBLIC.get(name)
        assert home is None or room_of(home) in MAY_IMPORT["__init__"] | OPEN_TO_ALL


def test_every_room_has_its_rule() -> None:
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    assert {room for room in rooms if not room.startswith(("__pycache__", "py."))} == set(MAY_IMPORT)


@pytest.mark.processes
def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'mlmagic')\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "mlmagic" in loaded
    assert not loaded & HEAVY
