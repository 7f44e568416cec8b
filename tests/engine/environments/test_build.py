"""Environments made by the real uv from the real PyPI; the packages are small."""

from __future__ import annotations

import errno
import functools
import os
import re
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import filelock
import pytest

from mlmagic.core.curated import CURATED
from mlmagic.core.environment import EnvironmentNeeds, needs_of
from mlmagic.engine.environments import uv
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.pythons import this_interpreter
from mlmagic.engine.environments.satisfaction import installed_in
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store
from mlmagic.errors import BuildFailed, Interrupted, UsageError, WorkspaceUnavailable
from tests.support import wheels
from tests.support.certificates import write_certificate


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "environments")


def of(*requirements: str) -> Specification:
    return Specification(this_interpreter(), requirements)


def test_without_uv_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        uv.find()
    assert "pip install 'mlmagic[environments]'" in str(caught.value)
    (tmp_path / "uv").touch(0o755)
    assert uv.find() == str(tmp_path / "uv")


@pytest.mark.processes
def test_condas_packages_are_not_left_out_where_conda_has_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    specification = Specification(this_interpreter(), (), conda_packages=("six",))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="conda is not on PATH any more"):
        build(specification, store)
    assert not store.is_built(specification.key)


@pytest.mark.processes
def test_condas_packages_come_by_conda_and_the_rest_by_uv(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program in conda's place, as none of its channels can be reached: it makes the folder it is told."""
    conda = tmp_path / "mamba"
    conda.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nwhile [ "$1" != --prefix ]; do shift; done\n'
        f'exec {sys.executable} -m venv --without-pip "$2"\n'
    )
    conda.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    wanted = Specification(
        this_interpreter(), ("six==1.16.0",), conda_packages=("libxyz=3",), conda_channels=("own",)
    )
    python = build(wanted, store)
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["create", "--yes", "--quiet"]
    assert asked[5:] == [
        "--channel",
        "own",
        f"python={sys.version_info[0]}.{sys.version_info[1]}",
        "libxyz=3",
    ]
    code = "import six, orjson; print(six.__version__)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.16.0"]


@pytest.mark.processes
@pytest.mark.parametrize("nearest", [True, False])
def test_what_conda_cannot_install_comes_from_pypi_where_the_nearest_is_accepted(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nearest: bool
) -> None:
    """A program in conda's place, as none of its channels can be reached: it finds no such version."""
    conda = tmp_path / "mamba"
    conda.write_text(
        "#!/bin/sh\necho 'PackagesNotFoundError: The following packages are not available from current "
        "channels:' >&2\necho '  - oldlib=1.0' >&2\nexit 1\n"
    )
    conda.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    index = wheels.old_index(tmp_path / "index")
    needs = EnvironmentNeeds(
        conda_packages=("oldlib=1.0",), pip_packages=("purelib==1.0",), pip_options=(f"--find-links {index}",)
    )
    wanted = Specification.of(needs, this_interpreter(), has_conda=True, nearest=nearest)
    assert wanted.conda_packages == ("oldlib=1.0",)
    said: list[str] = []
    if not nearest:
        with pytest.raises(BuildFailed, match="not available from current channels"):
            build(wanted, store)
        assert not store.is_built(wanted.key)
        return
    build(wanted, store, said.append)
    assert "conda cannot install its packages: those of PyPI are used instead" in said
    (used,) = store.replacements(wanted.key)
    assert (used.package, used.wanted, used.used) == ("oldlib", "1.0.*", "2.0")
    assert used.words in said
    installed = installed_in(str(store.site_packages(wanted.key)))
    assert (installed("oldlib"), installed("purelib")) == ("2.0", "1.0")


@pytest.mark.processes
def test_it_is_made_once_for_all_who_ask(store: Store) -> None:
    told: list[str] = []
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: build(of("six==1.16.0"), Store(store.root), told.append), range(3)))
    assert len(set(made)) == 1
    assert len([line for line in told if line.startswith("Resolved")]) == 1
    assert "+ six==1.16.0" in told
    code = "import six, orjson, uvloop, sys; print(six.__version__, sys.prefix)"
    done = subprocess.run([str(made[0]), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.16.0", str(store.folder(of("six==1.16.0").key))]
    # Its files are those of uv's cache: a second environment takes no room.
    assert (store.site_packages(of("six==1.16.0").key) / "six.py").stat().st_nlink > 1
    # Its bytecode and the server's are there, so that no start compiles them.
    assert list((store.site_packages(of("six==1.16.0").key) / "__pycache__").glob("six.*.pyc"))
    assert list((store.server() / "mlmagic" / "scoring" / "__pycache__").glob("server.*.pyc"))
    told.clear()
    build(of("six==1.16.0"), store, told.append)
    assert told == []


def test_a_full_disk_says_what_to_do(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(filelock.FileLock, "acquire", full)
    with pytest.raises(WorkspaceUnavailable, match=r"No space left on device. Free some space"):
        build(of("six==1.16.0"), store)
    assert store.keys() == []


@pytest.mark.processes
def test_the_index_and_the_certificates_of_pip_are_uvs_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index whose certificate only pip's setting trusts, as a company's authority."""
    folder, certificate, key = tmp_path / "simple" / "purelib", tmp_path / "cert.pem", tmp_path / "key.pem"
    folder.mkdir(parents=True)
    wheels.wheel(folder, "purelib", "1.0")
    write_certificate(certificate, key, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    settings = re.compile(r"PIP_|UV_|.*(CERT|CA_BUNDLE)")
    for name in filter(settings.match, [*os.environ]):
        monkeypatch.delenv(name)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"https://127.0.0.1:{server.server_address[1]}/simple")
        wanted = Specification(this_interpreter(), ("purelib==1.0",), server=())
        with pytest.raises(BuildFailed, match=r"certificate|Failed to fetch"):
            build(wanted, store)
        monkeypatch.setenv("PIP_CERT", str(certificate))
        build(wanted, store)
        server.shutdown()
    assert installed_in(str(store.site_packages(wanted.key)))("purelib") == "1.0"


@pytest.mark.processes
def test_two_requirements_that_exclude_each_other_stand_side_by_side(store: Store) -> None:
    specification = of("requests==2.32.3", "idna==2.0")
    with pytest.raises(BuildFailed) as caught:
        build(specification, store)
    assert caught.value.message == (
        "the environment cannot be built: "
        "idna==2.0 (requested) and idna>=2.5 (requests==2.32.3) exclude each other"
    )
    assert caught.value.log.startswith("idna==2.0  requested\nidna>=2.5  requests==2.32.3\n")
    assert store.keys() == []
    assert list((store.root / ".building").iterdir()) == []


@pytest.mark.processes
def test_one_that_is_not_wanted_any_more_is_given_up(store: Store) -> None:
    cancelled = threading.Event()
    with pytest.raises(Interrupted):
        build(of("six==1.16.0"), store, lambda line: cancelled.set(), cancelled)
    assert store.keys() == []


@pytest.mark.processes
@pytest.mark.parametrize("name", CURATED)
def test_the_curated_ones_can_be_made(name: str, tmp_path: Path) -> None:
    # From PyPI alone, as far as the resolver goes: their own sources may be out of reach.
    specification = Specification.of(needs_of(CURATED[name]), this_interpreter())
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("\n".join(specification.lines))
    subprocess.run(
        [uv.find(), "pip", "compile", "--quiet", "--python", specification.python.path, str(wanted)],
        check=True,
        capture_output=True,
    )
