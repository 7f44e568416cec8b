"""The binaries of the tests' cluster: built once per machine, from Debian's source package.

Build them now: ``python -m tests.support.kubernetes.binaries``
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests.support.kubernetes.network import SBIN

HERE = Path(__file__).parent
_PROGRAMS = ("dockerd", "runc", "iptables", "ip", "gcc", "apt-get", "docker-registry")


def missing() -> str:
    """Why no cluster can be built and run here; empty if one can."""
    if os.getuid() != 0:
        return "a cluster can be started only as root"
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm":
        return "the cluster is built from the packages of Debian 12"
    if not Path("/sys/fs/cgroup/memory").is_dir():
        return "the cluster needs control groups of version 1"
    absent = [name for name in _PROGRAMS if shutil.which(name, path=SBIN) is None]
    return f"the cluster needs {', '.join(absent)} (bash tests/run installs them)" if absent else ""


def cache() -> Path:
    """The folder of what the tests download and build."""
    return Path(os.environ.get("MLMAGIC_TEST_CACHE", Path.home() / ".cache/mlmagic-tests"))


def binaries() -> Path:
    """The folder with the binaries, which are built if they are not there. Raises `RuntimeError`."""
    content = (HERE / "build.sh").read_bytes()
    folder = cache() / f"kubernetes-{hashlib.sha256(content).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (cache() / "kubernetes-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may want them at once
        if not (folder / "bin").is_dir():
            _build(folder)
    os.utime(folder)  # tests/run removes what nobody has used for two weeks
    return folder / "bin"


def _build(folder: Path) -> None:
    log = folder / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(["bash", str(HERE / "build.sh"), str(folder)], stdout=output, stderr=output)
    if done.returncode:
        raise RuntimeError(f"Kubernetes cannot be built:\n{log.read_text(errors='replace')[-4000:]}")


if __name__ == "__main__":
    print(missing() or binaries())
