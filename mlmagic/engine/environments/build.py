"""Build an environment once: with uv, or with conda and uv where conda packages are wanted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

from mlmagic.engine.environments import uv
from mlmagic.engine.environments.resolver_errors import refusal
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store
from mlmagic.errors import BuildFailed, Interrupted, UsageError

CONDAS = ("micromamba", "mamba", "conda")
# pip's options that uv does not read in a requirements file, and uv's names for them.
_AS_ARGUMENTS = {"--pre": ("--prerelease", "allow"), "--trusted-host": ("--allow-insecure-host",)}


def find_conda() -> str | None:
    """The path of a program that installs conda packages, the fastest one on PATH; None without one."""
    return next(filter(None, map(shutil.which, CONDAS)), None)


def build(
    specification: Specification,
    store: Store,
    report: uv.Report = lambda line: None,
    cancelled: Event | None = None,
) -> Path:
    """Build the environment unless it exists; returns its interpreter.

    Of several callers at the same time one builds it and the others wait. Raises `BuildFailed` with the
    resolver's message, `UsageError` without uv, `Interrupted` when ``cancelled``.
    """
    key, cancelled = store.want(specification), cancelled or Event()
    if not store.is_built(key):
        program = uv.find()
        with store.lock(key, given_up=cancelled) as held:
            if not held:
                raise Interrupted("the build was cancelled")
            if not store.is_built(key):
                with store.draft(specification) as folder:
                    _build_in(program, specification, folder, report, cancelled)
        store.evict()
    store.touch(key)
    return store.python(key)


def _build_in(
    program: str, specification: Specification, folder: Path, report: uv.Report, cancelled: Event
) -> None:
    try:
        if specification.conda_packages:
            conda = find_conda()
            if conda is None:
                raise UsageError(
                    "the environment needs conda to be built, and conda is not on PATH any more",
                    hint="Deploy again to use the packages of PyPI instead.",
                )
            uv.run(conda_command(conda, specification, folder), folder.parent, report, cancelled)
        else:
            uv.run(_venv_command(program, specification, folder), folder.parent, report, cancelled)
        wanted = folder / "requirements.txt"
        wanted.write_text("".join(f"{line}\n" for line in _file_lines(specification)), encoding="utf-8")
        uv.run(_install_command(program, specification, folder), folder.parent, report, cancelled)
    except BuildFailed as failed:
        found = refusal(failed.log, specification.server)
        rest = found.words if found.words != found.line else ""
        log = "\n\n".join(filter(None, (found.table, rest)))
        raise BuildFailed(f"the environment cannot be built: {found.line}", log=log) from None


def _venv_command(program: str, specification: Specification, folder: Path) -> list[str]:
    # Relocatable: it is built in a draft folder, which is then renamed.
    return [
        *(program, "venv", "--quiet", "--relocatable", "--no-project", "--no-python-downloads"),
        *("--python", specification.python.path, str(folder)),
    ]


def _install_command(program: str, specification: Specification, folder: Path) -> list[str]:
    return [
        *(program, "pip", "install", "--python", str(folder / "bin" / "python"), "--link-mode", "hardlink"),
        *arguments_of(specification.options),
        *("-r", str(folder / "requirements.txt")),
    ]


def conda_command(conda: str, specification: Specification, folder: Path) -> list[str]:
    """The command that creates an environment with conda packages."""
    channels = specification.conda_channels or ("conda-forge",)
    major, minor = specification.python.minor
    return [
        *(conda, "create", "--yes", "--quiet", "--prefix", str(folder)),
        *(word for channel in channels for word in ("--channel", channel)),
        *(f"python={major}.{minor}", *specification.conda_packages),
    ]


def _file_lines(specification: Specification) -> Iterator[str]:
    yield from (line for line in specification.options if line.split()[0] not in _AS_ARGUMENTS)
    yield from specification.lines


def arguments_of(options: Sequence[str]) -> Iterator[str]:
    """pip's options as arguments of uv, for those that uv does not read in a requirements file."""
    for line in options:
        name, *rest = line.replace("=", " ", 1).split()
        if name in _AS_ARGUMENTS:
            yield from (*_AS_ARGUMENTS[name], *rest)
