"""What a scoring server is made of."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from mlmagic.core.environment import MINIMUM_PYTHON, package_name
from mlmagic.targets.server_files import (
    OPTIONAL_REQUIREMENTS,
    SERVER_REQUIREMENTS,
    lay_out_server,
    server_digest,
    server_files,
)

pytestmark = pytest.mark.together

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_the_servers_packages_are_what_it_imports_of_what_we_ask_for() -> None:
    imported = set()
    for name, path in server_files():
        if not name.startswith("mlmagic/scoring/") or path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    declared = {line for line in PROJECT["dependencies"] if _modules_of(package_name(line)) & imported}
    assert {*SERVER_REQUIREMENTS, *OPTIONAL_REQUIREMENTS} == declared


def _modules_of(package: str) -> set[str]:
    """What can be imported of an installed package; `packages_distributions` would read all packages."""
    record = metadata.distribution(package).read_text("RECORD") or ""
    files = [line.partition(",")[0] for line in record.splitlines()]
    return {file.partition("/")[0].partition(".")[0] for file in files if file.endswith((".py", ".so"))}


def test_the_server_runs_on_the_pythons_that_we_run_on() -> None:
    assert PROJECT["requires-python"] == f">={MINIMUM_PYTHON}"


def test_there_is_nothing_else_among_its_files() -> None:
    names = [name for name, _ in server_files()]
    assert {"mlmagic/__init__.py", "mlmagic/errors.py", "mlmagic/scoring/openapi/docs.html"} < set(names)
    assert {name.split("/")[1] for name in names} == {
        "__init__.py", "_version.py", "errors.py", "visible_text.py", "scoring",
    }  # fmt: skip
    assert not [name for name in names if "__pycache__" in name]


def test_its_digest_is_that_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch("[0-9a-f]{16}", server_digest())

    def digest_of(**files: str) -> str:
        found = []
        for name, text in files.items():
            (tmp_path / name).write_text(text)
            found.append((f"mlmagic/{name}", tmp_path / name))
        monkeypatch.setattr("mlmagic.targets.server_files.server_files", lambda: iter(found))
        return server_digest()

    contents = [{"a": "x", "b": "y"}, {"a": "x", "b": "z"}, {"a": "xy", "b": ""}, {"a": "x", "c": "y"}]
    assert len({digest_of(**files) for files in contents}) == len(contents)
    assert digest_of(**contents[0]) == digest_of(**contents[0])


@pytest.mark.processes
def test_the_copy_runs_alone(tmp_path: Path) -> None:
    lay_out_server(tmp_path / "room")
    code = "import mlmagic.scoring.server, mlmagic.errors; print(mlmagic.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "room")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "room/mlmagic/__init__.py")
