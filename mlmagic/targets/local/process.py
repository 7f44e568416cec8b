"""Server processes of this machine: exit codes, signals, and waiting for their end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.scoring.cgroups import members_of
from mlmagic.scoring.subreaper import subreaper_of

if TYPE_CHECKING:
    import psutil

RUN_DIR = "MLMAGIC_RUN_DIR"
"""The variable that a server and all that it starts have: the server's run folder."""
LOOKS = 5
"""How often to look for processes to kill: one may start another while they are looked for."""
WAIT_SECONDS = 5.0
"""How long to wait for a process that is ending."""

# Servers that this process has started, by run folder: only their parent can read their exit codes.
_children: dict[str, subprocess.Popen[bytes]] = {}


def keep_child(run_dir: str, child: subprocess.Popen[bytes]) -> None:
    """Remember the server of ``run_dir``, so that its exit code can be read and no zombie stays."""
    _children[run_dir] = child


def exit_code(run_dir: str, *, wait: bool = False) -> int | None:
    """The exit code of the server of ``run_dir``, negative for a signal; None if it is not known here.

    ``wait`` if it is known to be ending: its lock is free a little before its exit code can be read.
    """
    child = _children.get(run_dir)
    if child is None:
        return None
    if wait:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=WAIT_SECONDS)
    return child.poll()


def forget_child(run_dir: str) -> None:
    """Forget the server of ``run_dir`` once it has ended."""
    if exit_code(run_dir, wait=True) is not None:
        _children.pop(run_dir, None)


def how_it_ended(code: int | None) -> str:
    """The end of a process in words, from its exit code."""
    if code is None:
        return "the process was killed (its exit code is not known)"
    if code < 0:
        name = signal.Signals(-code).name
        memory = "; the system may be out of memory" if name == "SIGKILL" else ""
        return f"the process was ended by signal {name}{memory}"
    return f"the process exited with code {code}"


def is_alive(pid: int) -> bool:
    """Whether a process of this user has this pid."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, such as SIGSTOP, and not continued."""
    import psutil

    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal; does nothing if the process is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_group(pid: int) -> None:
    """Kill the processes that a server has started: it is the leader of its own process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def tree_of(pid: int) -> list[psutil.Process]:
    """A process, and all that it and they have started. Raises psutil's errors."""
    import psutil

    process = psutil.Process(pid)
    try:
        children = _children_below(pid)
    except OSError:  # only some kernels tell; psutil then reads every process of the machine
        return [process, *process.children(recursive=True)]
    found = [process]
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(child))
    return found


def _children_below(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found.append(int(child))
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                found += _children_below(int(child))
    return found


def kill_started_by(run_dir: str) -> None:
    """Kill what the server of ``run_dir`` has started, in whatever session or process group; on Linux only.

    Each is in the service's cgroup, where there are cgroups; where there are none, the server's parent, a
    subreaper, kills it. Should that one have been killed itself, each has the server's variable `RUN_DIR` in
    its environment, if it was started as a program, or the server's log as its output, if it was forked.
    """
    subreaper = subreaper_of(Path(run_dir))
    if subreaper and _was_started_by(Path("/proc") / str(subreaper), run_dir):  # not another with its pid
        wait_for_end(subreaper, until=time.monotonic() + WAIT_SECONDS)
    for _ in range(LOOKS):
        found = {int(each.name) for each in Path("/proc").glob("[0-9]*") if _was_started_by(each, run_dir)}
        pids = {*found, *members_of(Path(run_dir))} - {os.getpid()}
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        if not pids:
            return


def _was_started_by(process: Path, run_dir: str) -> bool:
    wanted = f"{RUN_DIR}={run_dir}".encode()
    try:
        if wanted in (process / "environ").read_bytes().split(b"\0"):
            return True
        outputs = [os.readlink(process / "fd" / number) for number in "12"]
    except OSError:  # it has ended, or belongs to another user
        return False
    return any(output.startswith(f"{run_dir}/") for output in outputs)


def descriptor_of(pid: int) -> int | None:
    """A file descriptor that becomes readable when the process ends; None if it is gone, or without Linux."""
    if pid <= 0 or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def wait_for_end(pid: int, *, until: float) -> None:
    """Return when the process has ended, or at ``until`` of the monotonic clock."""
    left = max(0.0, until - time.monotonic())
    if not hasattr(os, "pidfd_open"):
        time.sleep(min(left, 0.05))
        return
    descriptor = descriptor_of(pid)
    if descriptor is None:
        return
    try:
        select.select([descriptor], [], [], min(left, 30.0))
    finally:
        os.close(descriptor)
