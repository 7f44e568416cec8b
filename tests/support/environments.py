"""Virtual environments and packages of node for what cannot live in ours: made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]

BIN = Path(sys.executable).parent
"""Where this environment has its programs, among them node and npm."""


def python_with(requirements: Path, name: str) -> Path:
    """The interpreter of an environment called ``name``, made if it is not there; two may ask at once."""
    key = sys.version.encode() + requirements.read_bytes()
    return _kept(name, key, lambda folder: _install_python(folder, requirements)) / "bin" / "python"


def node_modules(package: Path) -> Path:
    """The packages that the ``package-lock.json`` in ``package`` names, installed if they are not there."""
    key = (package / "package-lock.json").read_bytes()
    return _kept("node", key, lambda folder: _install_node(folder, package)) / "node_modules"


@contextmanager
def jupyter_with_wheel(lab: str, notebook: str, folder: Path) -> Iterator[str]:
    """The Python of an environment with mlmagic's wheel and a JupyterLab, such as "4.4" (empty: the newest).

    The wheel is built in ``folder``. Nobody else uses the environment meanwhile.
    """
    wanted = [f"jupyterlab=={lab}.*", f"notebook=={notebook}.*"] if lab else ["jupyterlab", "notebook"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    name = f"jupyter-{lab or 'newest'}"

    def make(place: Path) -> None:
        _run([sys.executable, "-m", "venv", str(place)])
        pip = [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run([*pip, "ipykernel", *wanted, *tomllib.loads(project)["project"]["dependencies"]])

    place = _kept(name, f"{wanted} {project}".encode(), make)
    python = str(place / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
        (wheel,) = folder.glob("*.whl")
        _run([*pip, "install", "--no-deps", "--force-reinstall", str(wheel)])
        yield python


def _kept(name: str, key: bytes, make: Callable[[Path], None]) -> Path:
    cache = Path(os.environ.get("MLMAGIC_TEST_CACHE") or Path.home() / ".cache" / "mlmagic-tests")
    folder = cache / f"{name}-{hashlib.sha256(key).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (folder / "complete").touch()
        os.utime(folder)  # tests/run removes those that nobody uses
    return folder


def _install_python(folder: Path, requirements: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    python = str(folder / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])


def _install_node(folder: Path, package: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(package / name, folder)
    # Not `npm ci`: it refuses a lock file without an optional package that no registry has for this system.
    _run([str(BIN / "npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder)])


def _run(command: Sequence[str]) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
