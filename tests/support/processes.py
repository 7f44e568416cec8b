"""Processes that tests start, and what they need for it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mlmagic.engine.engine import Engine
from tests.support.engines import SCRIPTS

# Runs in a process of its own: an engine over the folder argv[1], then the code in argv[2].
PRELUDE = """
import os, signal, sys
from pathlib import Path
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from mlmagic.targets.local.target import LocalTarget
from mlmagic.workspace.location import Location

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False)
scripts = Path(sys.argv[2])
"""


def needs_root() -> None:
    """For what only root may do, such as making control groups; under CI it must be there."""
    if os.geteuid():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root may make control groups here")


def python_without_cgroups(folder: Path) -> str:
    """An interpreter whose processes see no cgroups, as those of most users may make none."""
    if os.geteuid():
        return sys.executable
    hidden = f'mount -t tmpfs none /sys/fs/cgroup && exec {shlex.quote(sys.executable)} "$@"'
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec unshare --mount sh -c {shlex.quote(hidden)} sh "$@"\n')
    python.chmod(0o755)
    return str(python)


def servers_here() -> list[psutil.Process]:
    """Scoring servers, loaders and workers that this process has started; no daemons and no zygotes."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            words = child.cmdline()
            ours = [word for word in words if word.startswith("mlmagic.")]
            if any(not word.endswith((".daemon", ".zygote")) for word in ours):
                found.append(child)
    return found


def daemons_of(folder: Path) -> list[psutil.Process]:
    """The supervisor daemons that run for the workspace in this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())  # its title, in which words have no ends
            is_daemon = command.endswith(f"mlmagic.engine.services.daemon {folder}")
            if is_daemon and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_daemon_of(folder: Path) -> None:
    """Kill the one daemon; returns when its lock is free.

    A process that is ending has no command line any more while it still holds its locks, so it is not enough
    that `daemons_of` finds none.
    """
    (daemon,) = daemons_of(folder)
    daemon.kill()
    daemon.wait(30)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Those that work in ``folder``, and what they started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(str(folder) in text for text in (" ".join(process.cmdline()), process.cwd())):
                found += [process, *process.children(recursive=True)]
    return found


def run_and_die(engine: Engine, code: str, timeout: float = 60.0) -> None:
    """Run ``code`` in another process, which must end by kill -9."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, str(engine.location.folder), str(SCRIPTS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
