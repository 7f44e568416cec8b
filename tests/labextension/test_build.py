"""The built extension that is committed is what its sources build to, and is in the wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mlmagic
from tests.support.environments import BIN, node_modules

FOLDER = Path(__file__).parents[2] / "labextension"
SHARED = f"mlmagic-{mlmagic.__version__}.data/data/"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _link(source: str, copy: str) -> None:
    try:
        os.link(source, copy)
    except OSError:  # on another file system
        shutil.copy(source, copy)


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_fresh_build_is_the_committed_one(tmp_path: Path) -> None:
    """If it is not: `npm install && npm run build` in labextension, and commit labextension/built."""
    place = tmp_path / "labextension"
    left_out = shutil.ignore_patterns("node_modules", "lib", "built")
    shutil.copytree(FOLDER, place, ignore=left_out)
    # Not a symbolic link: the build would name the modules by another path.
    shutil.copytree(node_modules(FOLDER), place / "node_modules", symlinks=True, copy_function=_link)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(BIN / "npm"), "run", "build"], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    fresh, committed = files(place / "built"), files(FOLDER / "built")
    assert fresh.keys() == committed.keys()
    assert [name for name in fresh if fresh[name] != committed[name]] == []


@pytest.mark.processes
def test_what_it_reads_from_texts_and_states(tmp_path: Path) -> None:
    place = tmp_path / "tests" / "labextension" / "static"
    shutil.copytree(Path(__file__).parent / "static", place)
    shutil.copytree(FOLDER / "src", tmp_path / "labextension" / "src")
    packages = node_modules(Path(__file__).parents[1] / "widgets" / "static")
    (place / "node_modules").symlink_to(packages)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "CI": "1"}
    done = subprocess.run(
        [str(packages / ".bin" / "vitest"), "run"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_version_is_that_of_the_distribution() -> None:
    assert json.loads((FOLDER / "package.json").read_text())["version"] == mlmagic.__version__


@pytest.mark.processes
def test_a_wheel_has_it_once_and_needs_no_node(tmp_path: Path) -> None:
    root = FOLDER.parent
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path)
    for name in ("mlmagic", "labextension"):
        shutil.copytree(
            root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PATH": "/nowhere"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    built = {f"{SHARED}share/jupyter/labextensions/mlmagic/{name}" for name in files(FOLDER / "built")}
    assert built <= set(names)
    assert f"{SHARED}share/jupyter/labextensions/mlmagic/install.json" in names
    assert f"{SHARED}etc/jupyter/jupyter_server_config.d/mlmagic.json" in names
    assert not [name for name in names if "labextension/" in name and not name.startswith(SHARED)]
    assert {"mlmagic/widgets/static/service_card.js", "mlmagic/labserver/channel.py"} <= set(names)
