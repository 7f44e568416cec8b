"""The binaries of the tests' cluster: built once per machine, from Debian's source package."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
_SOURCES = ("build.sh", "pause.c")
NAMES = (
    "conntrack",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "pause",
)


def cache() -> Path:
    """The folder of what the tests download and build."""
    return Path(os.environ.get("MLMAGIC_TEST_CACHE", Path.home() / ".cache/mlmagic-tests"))


def binaries() -> Path:
    """The folder with the binaries, which are built if they are not there. Raises `RuntimeError`."""
    content = b"".join((HERE / name).read_bytes() for name in _SOURCES)
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
