"""Binder's steps, without Docker: as an ordinary user, in an environment like that of Binder's base image.

The environment is kept between runs (MLMAGIC_TEST_CACHE, else ~/.cache/mlmagic-tests; /var/tmp/mlmagic-tests
where the ordinary user cannot reach that), keyed by what goes into it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.executed_notebooks import scores_of
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(540)]

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
# What the base image of repo2docker brings for Python 3.11, and what must stay so.
BASE = ("jupyterlab==4.4.9", "notebook==7.4.7", "jupyter_server==2.17.0", "ipywidgets==8.1.7")
ORDINARY_ID = 1000
# Programs that the steps may use, beside those of the environment; Docker is not among them.
PROGRAMS = ("bash", "cat", "env", "mkdir", "rm", "sh", "uname")
TOKEN = "secret"
AUTHORIZED = {"Authorization": f"token {TOKEN}"}
STEP_SECONDS = 400.0
UNUSED_SECONDS = 7 * 86400.0
"""After that an environment of other contents is removed."""


@dataclass(frozen=True)
class Account:
    """Somebody who is not root, with a home of their own."""

    home: Path
    path: str
    options: dict[str, object]

    def environment(self) -> dict[str, str]:
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "SSL_")) or name.lower().endswith("_proxy")
        }
        return {**passed, "HOME": str(self.home), "PATH": self.path, "LANG": "C.UTF-8"}

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.options,
        )

    def run(self, *command: str) -> str:
        """Run to the end; returns what it printed, and shows it if it failed."""
        with self.start(command) as process:
            try:
                output, _ = process.communicate(timeout=STEP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, f"{' '.join(command)} ended with {process.returncode}:\n{output}"
        return output


@pytest.fixture(scope="module")
def binder() -> Iterator[Account]:
    """The image as Binder builds it: base, requirements, a copy of the repository as the home, postBuild."""
    options = _ordinary()
    folder = Path(tempfile.mkdtemp(prefix="mlmagic-binder-"))
    try:
        home, programs = folder / "home", folder / "programs"
        _copy_repository(home)
        programs.mkdir()
        for name in PROGRAMS:
            programs.joinpath(name).symlink_to(shutil.which(name) or f"/bin/{name}")
        _give(folder, options)
        python = _python(options)
        venv = _cache(options) / f"binder-{_key(python)}"
        account = Account(home, f"{venv / 'bin'}:{programs}", options)
        with venv.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_environment(account, python, venv)
            account.run(str(home / "binder/postBuild"))
            yield account
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_base_stays_as_it_is(binder: Account) -> None:
    installed = binder.run("python", "-m", "pip", "list", "--format=freeze")
    assert set(BASE) <= set(installed.splitlines())
    binder.run("python", "-m", "pip", "check")


def test_quickstart_runs_as_an_ordinary_user_without_docker(binder: Account) -> None:
    assert shutil.which("docker", path=binder.path) is None
    notebook = "notebooks/quickstart.ipynb"
    binder.run("binder/start", "jupyter", "execute", "--output=executed.ipynb", "--timeout=120", notebook)
    committed = scores_of(ROOT / notebook)
    assert committed
    assert scores_of(binder.home / "notebooks/executed.ipynb") == committed
    left = binder.run("binder/start", "mlmagic", "service", "list", "--output=json")
    assert json.loads(left) == []
    assert (binder.home / ".mlmagic" / "workspace.db").is_file()


@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_it_opens_the_quickstart_with_the_panel(binder: Account, front: str) -> None:
    with _jupyter(binder, front) as root:
        opened = requests.get(root, headers=AUTHORIZED, timeout=60)
        settings = requests.get(f"{root}lab/api/settings/mlmagic:plugin", headers=AUTHORIZED, timeout=60)
        workspaces = requests.get(f"{root}mlmagic/workspaces", headers=AUTHORIZED, timeout=60)
    assert settings.json()["schema"]["properties"]["showPanel"]["default"] is True
    assert [each["name"] for each in workspaces.json()["workspaces"]] == [".mlmagic"]
    assert opened.url == f"{root}lab/tree/notebooks/quickstart.ipynb"
    assert opened.status_code == 200


def test_services_are_reached_through_the_proxy(binder: Account) -> None:
    script = binder.home / "echo.py"
    script.write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n", encoding="utf-8")
    (binder.home / "aci.json").write_text('{"computeType": "aci"}', encoding="utf-8")
    deploy = ("mlmagic", "model", "deploy", "--name=echo", "--entry-script=echo.py", "--dc=aci.json")
    deployed = binder.run("binder/start", "env", "JUPYTERHUB_SERVICE_PREFIX=/user/somebody/", *deploy)
    try:
        (uri,) = [line for line in deployed.splitlines() if line.startswith("http")]
        port = uri.rpartition(":")[2].partition("/")[0]
        with _jupyter(binder, "lab") as root:
            # The hub passes on the host of its public address, and what the browser says of the page.
            public = {**AUTHORIZED, "Host": "hub.example", "Origin": "https://hub.example"}
            for headers, status in (
                (AUTHORIZED, 200),
                ({**public, "Sec-Fetch-Site": "same-origin"}, 200),
                ({**public, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
            ):
                scored = requests.post(
                    f"{root}proxy/{port}/score", json={"a": 1}, headers=headers, timeout=60
                )
                assert scored.status_code == status, scored.text
                assert status != 200 or scored.json() == '{"a": 1}'
            page = requests.get(f"{root}proxy/{port}/docs", headers=public, timeout=60)
            assert (page.status_code, "Try it" in page.text) == (200, True)
    finally:
        binder.run("binder/start", "mlmagic", "service", "delete", "--name=echo")


def test_each_step_is_as_binder_wants_it() -> None:
    assert (BINDER / "runtime.txt").read_text(encoding="utf-8") == "python-3.11\n"
    for name in ("postBuild", "start"):
        assert os.access(BINDER / name, os.X_OK), name
    assert (BINDER / "start").read_text(encoding="utf-8").rstrip().endswith('exec "$@"')


def _ordinary() -> dict[str, object]:
    """How to start a process as somebody who is not root."""
    if os.getuid() != 0:
        return {}
    return {"user": ORDINARY_ID, "group": ORDINARY_ID, "extra_groups": []}


def _give(folder: Path, options: dict[str, object]) -> None:
    if options:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, ORDINARY_ID, ORDINARY_ID, follow_symlinks=False)


def _may(options: dict[str, object], *command: str) -> bool:
    try:
        return subprocess.run(command, cwd="/", capture_output=True, check=False, **options).returncode == 0
    except OSError:
        return False


def _python(options: dict[str, object]) -> str:
    """An interpreter that the ordinary user can run: root's own may lie where nobody else may look."""
    names = ("python3.11", "python3.12", "python3.13", "python3")
    candidates = [f"{sys.base_prefix}/bin/python3"]
    candidates += [f"{folder}/{name}" for folder in ("/usr/bin", "/usr/local/bin") for name in names]
    usable = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    for candidate in candidates:
        if _may(options, candidate, "-c", usable):
            return candidate
    pytest.skip(f"none of these can be run, with venv, by an ordinary user: {', '.join(candidates)}")


def _cache(options: dict[str, object]) -> Path:
    cache = Path(os.environ.get("MLMAGIC_TEST_CACHE") or Path.home() / ".cache/mlmagic-tests")
    cache.mkdir(parents=True, exist_ok=True)
    if options:
        reachable = _may(options, "/bin/sh", "-c", f'test -x "{cache}"')
        cache = (cache if reachable else Path("/var/tmp/mlmagic-tests")) / f"user-{ORDINARY_ID}"
        cache.mkdir(parents=True, exist_ok=True)
        os.chown(cache, ORDINARY_ID, ORDINARY_ID)
    return cache


def _key(python: str) -> str:
    version = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    files = [*sorted(path for path in BINDER.iterdir() if path.is_file()), ROOT / "pyproject.toml"]
    parts = [version, repr(BASE).encode(), *(path.read_bytes() for path in files)]
    return sha256(b"\0".join(parts)).hexdigest()[:16]


def _make_environment(account: Account, python: str, venv: Path) -> None:
    """The base image's packages and binder's requirements; made once."""
    complete = venv / "complete"
    if complete.exists():
        os.utime(venv)
        return
    for old in venv.parent.glob("binder-*/"):
        if old == venv or time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    account.run(python, "-m", "venv", str(venv))
    account.run("python", "-m", "pip", "install", "--quiet", *BASE)
    account.run(
        "python", "-m", "pip", "install", "--quiet", "-r", str(account.home / "binder/requirements.txt")
    )
    complete.touch()


def _copy_repository(home: Path) -> None:
    """What git tracks; in a copy without git, all but what is built."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        built = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "artifacts")
        shutil.copytree(ROOT, home, ignore=built)
        return
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, home / name)


@contextmanager
def _jupyter(account: Account, front: str) -> Iterator[str]:
    """A Jupyter server as a hub starts it, under a path of its own; gives its address."""
    command = ["binder/start", "jupyter", front, "--no-browser", "--ip=127.0.0.1", f"--port={_free_port()}"]
    options = ["--ServerApp.base_url=/user/somebody/", f"--IdentityProvider.token={TOKEN}"]
    options += ["--ServerApp.allow_remote_access=True"]  # as the servers of a hub have it
    for left in _server_files(account.home):  # a server that ended badly
        left.unlink()
    server = account.start([*command, *options])
    try:
        yield _url_of(server, account.home)
    finally:
        server.terminate()
        try:
            server.communicate(timeout=30)
        except subprocess.TimeoutExpired:  # a worker thread of AnyIO, which nobody stops, keeps it
            server.kill()
            server.communicate()


def _server_files(home: Path) -> list[Path]:
    return list(home.glob(".local/share/jupyter/runtime/jpserver-*.json"))


def _free_port() -> int:
    """A port that is free now; Jupyter takes the next one if it is not by then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _url_of(server: subprocess.Popen[str], home: Path) -> str:
    """Where a Jupyter server listens. It writes that down a moment before it does."""

    def written() -> str:
        if server.poll() is not None:
            raise RuntimeError(f"no Jupyter server: {server.communicate()[0]}")
        files = _server_files(home)
        return next((str(json.loads(path.read_text(encoding="utf-8"))["url"]) for path in files), "")

    # A file that is not valid JSON is still being written.
    url = wait_for(written, "the file of the Jupyter server", ignoring=(ValueError,))
    address = urlsplit(url).hostname, urlsplit(url).port
    with wait_for(lambda: socket.create_connection(address, timeout=10), url, ignoring=(OSError,)):
        return url
