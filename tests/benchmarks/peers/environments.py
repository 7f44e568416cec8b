"""An environment of its own for every peer, kept and keyed by what its requirements say."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
REQUIREMENTS = HERE / "requirements"
LIMIT_S = 1200.0
"""For one installation."""
KEPT_S = 14 * 24 * 3600.0
"""An environment that nobody has used for so long goes."""


class NotInstalled(Exception):
    """The environment could not be made; the message is the installer's last word."""


def cache() -> Path:
    """The folder of all environments."""
    root = os.environ.get("MLMAGIC_TEST_CACHE") or Path.home() / ".cache" / "mlmagic-tests"
    return Path(root) / "peers"


def environment(name: str) -> Path:
    """The folder of the environment for ``requirements/NAME.txt``, made if it is not there."""
    wanted = requirements(name)
    key = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:16]
    folder = cache() / f"{name}-{key}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        # Two runs may be started at once: one makes the environment, the other waits for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _make(folder, wanted)
        os.utime(folder)
        _forget_old(name)
    return folder


def _make(folder: Path, wanted: str) -> None:
    print(f"installing {folder.name}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed = folder / "requirements.txt"
    listed.write_text(wanted, encoding="utf-8")
    _call(folder, sys.executable, "-m", "venv", str(folder))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(folder, *pip, "-r", str(listed))
    (folder / "complete").touch()


def _forget_old(name: str) -> None:
    for other in cache().glob(f"{name}-*"):
        if time.time() - other.stat().st_mtime > KEPT_S:
            shutil.rmtree(other, ignore_errors=True)


def requirements(name: str) -> str:
    """All that is to be installed: what the file says, the files it names and, for mlmagic, the project."""
    lines = _lines(REQUIREMENTS / f"{name}.txt")
    if name.startswith("mlmagic"):
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        lines += project["project"]["dependencies"]
    return "\n".join(lines) + "\n"


def _lines(path: Path) -> list[str]:
    found: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += _lines(path.parent / line[3:].strip())
        elif line and not line.startswith("#"):
            found.append(line)
    return found


def _call(folder: Path, *command: str) -> None:
    log = folder / "install.log"
    surroundings = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    with log.open("ab") as file:
        try:
            done = subprocess.run(command, stdout=file, stderr=file, env=surroundings, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise NotInstalled(f"installing took more than {LIMIT_S:.0f} s") from None
    if done.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines
        raise NotInstalled(errors[0].strip()[:300] if errors else f"exit code {done.returncode}")


if __name__ == "__main__":
    print(environment("harness"))
