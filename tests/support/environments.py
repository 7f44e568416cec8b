"""Virtual environments for what cannot live in ours: made once for each list of requirements and Python."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def python_with(requirements: Path, name: str) -> Path:
    """The interpreter of an environment called ``name``, made if it is not there; two may ask at once."""
    cache = Path(os.environ.get("MLMAGIC_TEST_CACHE") or Path.home() / ".cache" / "mlmagic-tests")
    key = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()[:16]
    folder = cache / f"{name}-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _make(folder, requirements)
            (folder / "complete").touch()
        os.utime(folder)  # tests/run removes those that nobody uses
    return folder / "bin" / "python"


def _make(folder: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "-r", str(requirements)],
    ):  # fmt: skip
        done = subprocess.run(command, env=clean, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{requirements} cannot be installed:\n{done.stdout}{done.stderr}")
