"""A Docker engine for the tests: the one that answers, else one of their own, ended with them by its pid.

The base image is a Debian with Python, made by debootstrap once and kept under ``~/.cache/mlmagic-tests``; so
the tests need Debian's packages and PyPI, and no registry of images.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = "3.11"
"""Debian 12's."""
BASE_IMAGE = f"mlmagic-tests-python:{PYTHON}"
_SUITE = "bookworm"
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
_NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
_START_SECONDS = 60
_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """One that runs, and has the base image."""

    host: str
    """As DOCKER_HOST has it."""
    is_ours: bool
    """Whether the tests have started it."""

    def docker(self, *words: str, check: bool = True) -> str:
        """What the command line client prints."""
        done = subprocess.run(
            ["docker", *words],
            env={**os.environ, "DOCKER_HOST": self.host},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise RuntimeError(f"docker {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def running() -> Iterator[DockerEngine]:
    """An engine with the base image; skip where there can be none, but fail where there must be one (CI)."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if _answers(host):
        engine = DockerEngine(host, is_ours=False)
        _have_base_image(engine)
        yield engine
        return
    program = shutil.which("dockerd", path=_SBIN)
    if program is None or os.getuid() != 0:
        words = "no Docker engine answers, and none can be started (apt-get install docker.io; as root)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    # Its layers may not lie in an overlay themselves; the path of its socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="mlmagic-dk-"))
    try:
        with _process(program, folder) as engine:
            _have_base_image(engine)
            yield engine
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _process(program: str, folder: Path) -> Iterator[DockerEngine]:
    host = f"unix://{folder}/docker.sock"
    with _bridge() as bridge, (folder / "log").open("wb") as log:
        command = [program, "--host", host, "--data-root", str(folder / "data")]
        command += ["--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")]
        command += ["--bridge", bridge, "--iptables=false", "--ip6tables=false"]
        child = subprocess.Popen(
            command,
            cwd="/",
            env={**os.environ, "PATH": _SBIN},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(host):
                if child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"dockerd did not come up:\n{(folder / 'log').read_text()[-4000:]}")
                time.sleep(0.1)
            yield DockerEngine(host, is_ours=True)
        finally:
            _stop(child)


@contextmanager
def _bridge() -> Iterator[str]:
    """A network of its own: two engines that share one give the same address to two containers, and each
    that starts throws away the other's rules of the firewall.
    """
    number = int.from_bytes(os.urandom(2), "big")
    name, net = f"mlmagic{number:04x}", f"10.{200 + number % 50}.{number >> 8}"
    rules = [
        ["nat", "POSTROUTING", "-s", f"{net}.0/24", "!", "-o", name, "-j", "MASQUERADE"],
        ["filter", "FORWARD", "-i", name, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-o", name, "-j", "ACCEPT"],
    ]
    _run("ip", "link", "add", name, "type", "bridge")
    try:
        _run("ip", "address", "add", f"{net}.1/24", "dev", name)
        _run("ip", "link", "set", name, "up")
        for table, which, *rule in rules:
            _run("iptables", "--wait", "-t", table, "-I", which, *rule)
        yield name
    finally:
        for table, which, *rule in rules:
            command = ["iptables", "--wait", "-t", table, "-D", which, *rule]
            subprocess.run(command, env={**os.environ, "PATH": _SBIN}, capture_output=True)
        _run("ip", "link", "delete", name)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Its containers end with it."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _answers(host: str) -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "info", "--format", "{{.ServerVersion}}"],
        env={**os.environ, "DOCKER_HOST": host},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return asked.returncode == 0 and bool(asked.stdout.strip())


def _have_base_image(engine: DockerEngine) -> None:
    if engine.docker("image", "ls", "--quiet", BASE_IMAGE).strip():
        return
    engine.docker("import", str(_archive()), BASE_IMAGE)


def _archive() -> Path:
    """The base image's files as one archive, made if it is not there."""
    told = hashlib.sha256(f"{_SUITE} {_PACKAGES} {_NOT_NEEDED}".encode()).hexdigest()[:16]
    cache = Path(os.environ.get("MLMAGIC_TEST_CACHE", Path.home() / ".cache/mlmagic-tests"))
    folder = cache / f"debian-{told}"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "base.tar"
    with (cache / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may want it at once
        if not archive.exists():
            _make_archive(archive)
    return archive


def _make_archive(archive: Path) -> None:
    program = shutil.which("debootstrap", path=_SBIN)
    if program is None:
        pytest.fail("the tests' base image is made by debootstrap (apt-get install debootstrap)")
    root, draft = archive.with_name("root"), archive.with_suffix(".draft")
    shutil.rmtree(root, ignore_errors=True)
    try:
        _run(program, "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root))
        for name in _NOT_NEEDED:
            shutil.rmtree(root / name, ignore_errors=True)
        _run("tar", "-C", str(root), "-cf", str(draft), ".")
        draft.replace(archive)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, env={**os.environ, "PATH": _SBIN}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


@pytest.fixture(scope="session")
def _docker_engine() -> Iterator[DockerEngine]:
    with running() as engine:
        yield engine


@pytest.fixture
def docker(_docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """A real engine, for tests marked `processes`: what the target finds, with an image to build upon."""
    monkeypatch.setenv("DOCKER_HOST", _docker_engine.host)
    monkeypatch.setenv("MLMAGIC_BASE_IMAGE", BASE_IMAGE)
    return _docker_engine
