"""Who may import whom, and that loading mlmagic is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlmagic

PACKAGE = Path(mlmagic.__file__).parent
# A room may import itself and those named here; `errors` is open to all.
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
    "__init__": {"magics"},
    "__main__": {"cli"},
}
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


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" if module.count(".") < 2 else module for alias in node.names}
    return {name for name in found if name.startswith("mlmagic.")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_downwards_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in _imports(path):
        other = name.split(".")[1]
        if other in (room, "errors", "__version__"):
            continue
        assert other in MAY_IMPORT[room], f"{room} may not import {name}"
        if other == "scoring":
            assert any(name.startswith(open_part) for open_part in OPEN_OF_SCORING), name


def test_every_room_has_its_rule() -> None:
    rooms = {
        path.name.removesuffix(".py")
        for path in PACKAGE.iterdir()
        if not path.name.startswith(("_", "py.", "README"))
    }
    assert rooms == set(MAY_IMPORT) - {"__init__", "__main__"}


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
