"""Build an environment once: with uv, or with conda and uv where conda packages are wanted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from mlmagic.core.replacements import replaced
from mlmagic.engine.environments import uv
from mlmagic.engine.environments.options import arguments_of, without_arguments
from mlmagic.engine.environments.resolver_errors import refusal
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import REPLACEMENTS, Store, replacements_text
from mlmagic.errors import BuildFailed, Interrupted, UsageError
from mlmagic.workspace.file_writing import with_remedy

CONDAS = ("micromamba", "mamba", "conda")


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
    resolver's message, `UsageError` without uv, `Interrupted` when ``cancelled``, and `WorkspaceUnavailable`,
    with what to do, if the disk is full.
    """
    cancelled = cancelled or Event()
    with with_remedy(store.root):
        key = store.want(specification)
        if not store.is_built(key):
            program = uv.find()
            with store.lock(key, given_up=cancelled) as held:
                if not held:
                    raise Interrupted("the build was cancelled")
                if not store.is_built(key):
                    with store.draft(specification) as folder:
                        _build_in(program, specification, folder, report, cancelled)
                        _compile_server(store, folder, cancelled)
            store.evict()
    store.touch(key)
    return store.python(key)


def _build_in(
    program: str, specification: Specification, folder: Path, report: uv.Report, cancelled: Event
) -> None:
    try:
        if specification.conda_packages:
            if not _conda_has_installed(specification, folder, report, cancelled):
                report("conda cannot install its packages: those of PyPI are used instead")
                pypi = replace(specification, requirements=specification.from_pypi, conda_packages=())
                _build_in(program, pypi, folder, report, cancelled)
                return
        else:
            uv.run(_venv_command(program, specification, folder), folder.parent, report, cancelled)
        try:
            _install(program, specification, folder, specification.lines, report, cancelled)
        except BuildFailed as failed:
            lines = _available(specification, folder, failed.log, report, cancelled)
            if lines is None:
                raise
            _install(program, specification, folder, lines, report, cancelled)
    except BuildFailed as failed:
        if not failed.log:  # it is explained already
            raise
        found = refusal(failed.log, specification.server)
        rest = found.words if found.words != found.line else ""
        log = "\n\n".join(filter(None, (found.table, rest)))
        raise BuildFailed(f"the environment cannot be built: {found.line}", log=log) from None


def _conda_has_installed(
    specification: Specification, folder: Path, report: uv.Report, cancelled: Event
) -> bool:
    """Create the folder with conda's packages; False if conda cannot and PyPI may be used instead."""
    conda = find_conda()
    if conda is None:
        raise UsageError(
            "the environment needs conda to be built, and conda is not on PATH any more",
            hint="Deploy again to use the packages of PyPI instead.",
        )
    try:
        uv.run(conda_command(conda, specification, folder), folder.parent, report, cancelled)
    except BuildFailed:
        if not specification.from_pypi:
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _available(
    specification: Specification, folder: Path, log: str, report: uv.Report, cancelled: Event
) -> list[str] | None:
    """The requirements with the nearest versions that can be installed; None if the pins are not to blame.

    Raises `BuildFailed` with a line for each pin if the nearest versions are not accepted.
    """
    from mlmagic.engine.environments import nearest

    place = nearest.Place(
        ".".join(map(str, specification.python.minor)),
        str(folder / "bin" / "python"),
        options=specification.options,
        server=specification.server,
    )
    report("looking for pins that cannot be installed")
    found = nearest.find(specification.requirements, place, cancelled, log=log)
    if not found.unavailable:
        return None
    if not specification.nearest or not found.replacements:
        raise found.error()
    for each in found.replacements:
        report(each.words)
    (folder / REPLACEMENTS).write_text(replacements_text(found.replacements), encoding="utf-8")
    return [*replaced(specification.requirements, found.replacements), *specification.server]


def _install(
    program: str,
    specification: Specification,
    folder: Path,
    lines: Sequence[str],
    report: uv.Report,
    cancelled: Event,
) -> None:
    text = "".join(f"{line}\n" for line in (*without_arguments(specification.options), *lines))
    (folder / "requirements.txt").write_text(text, encoding="utf-8")
    uv.run(_install_command(program, specification, folder), folder.parent, report, cancelled)


def _compile_server(store: Store, folder: Path, cancelled: Event) -> None:
    """Compile the scoring server's files for the Python of the environment."""
    command = [str(folder / "bin" / "python"), "-m", "compileall", "-q", str(store.server())]
    uv.run(command, folder.parent, lambda line: None, cancelled)


def _venv_command(program: str, specification: Specification, folder: Path) -> list[str]:
    # Relocatable: it is built in a draft folder, which is then renamed.
    return [
        *(program, "venv", "--quiet", "--relocatable", "--no-project", "--no-python-downloads"),
        *("--python", specification.python.path, str(folder)),
    ]


def _install_command(program: str, specification: Specification, folder: Path) -> list[str]:
    return [
        *(program, "pip", "install", "--python", str(folder / "bin" / "python"), "--link-mode", "hardlink"),
        # Else each start compiles anew where PYTHONDONTWRITEBYTECODE is set.
        "--compile-bytecode",
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
