"""Linux's cgroups, and one for each service, so that all that its script starts can be found.

A service's cgroup limits nothing. Every process that the script starts is a member, also one that has left
its session and changed its environment and its output. A server that is killed cannot remove its cgroup, so
empty ones are removed when the next is made. Where cgroups may not be created, there are none.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = "cgroup"
"""The file in the run folder of a service that names the folder of its cgroup."""
CONFINEMENT_PREFIX = "mlmagic-confinement-"
"""Begins the names of the cgroups that limit what is profiled."""
_PREFIX = "mlmagic-service-"
_MEMBERS = "cgroup.procs"
_ATTEMPTS = 3
_inherited = ""


def below(base: Path, group: str) -> Path:
    """A group's folder; the root of its hierarchy if a container does not see the group."""
    inner = base / group.lstrip("/")
    return inner if inner.is_dir() else base


def own_groups(table: Path = Path("/proc/self/cgroup")) -> dict[str, str]:
    """Controller -> the path of this process's group; the unified hierarchy's under the empty name."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in table.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                found[controller] = path
    return found


def join_service_group(root: Path = ROOT) -> str:
    """Move this process into a new cgroup; returns its folder, empty if there is none."""
    parent = _parent(root)
    if parent.name.startswith(CONFINEMENT_PREFIX) or not parent.is_dir():
        return ""  # outside a profile's cgroup its limits would not hold; inside, it could not be removed
    for _ in range(_ATTEMPTS):
        for other in parent.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):  # it has members
                other.rmdir()
        folder = parent / f"{_PREFIX}{os.urandom(6).hex()}"
        try:
            folder.mkdir()
            (folder / _MEMBERS).write_text("0", encoding="ascii")
        except FileNotFoundError:  # another process has removed it, while it had no members
            continue
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            return ""
        return str(folder)
    return ""


def prepare_fork() -> None:
    """Join a new cgroup, which the next fork inherits: to join one takes longer than a fork's start."""
    global _inherited
    _inherited = join_service_group()


def own_service_group() -> str:
    """Join a cgroup, unless this process has inherited one; returns its folder, empty if there is none."""
    global _inherited
    folder, _inherited = _inherited or join_service_group(), ""
    return folder


def record_membership(run_dir: Path, folder: str) -> None:
    """Name a service's cgroup in its run folder."""
    with contextlib.suppress(OSError):
        (run_dir / MEMBERSHIP).write_text(folder, encoding="utf-8")


def members_of(run_dir: Path) -> set[int]:
    """The processes in the cgroup of the service with this run folder; none without cgroups."""
    with contextlib.suppress(OSError):
        folder = (run_dir / MEMBERSHIP).read_text(encoding="utf-8")
        if folder:
            return {int(line) for line in (Path(folder) / _MEMBERS).read_text(encoding="ascii").split()}
    return set()


def _parent(root: Path) -> Path:
    """The folder for services' groups: of version 2, or of the hierarchy that only counts processes."""
    own = own_groups()
    if (root / "cgroup.controllers").is_file():
        base, group = root, own.get("", "")
    else:
        base, group = root / "pids", own.get("pids", "")
    while group.rpartition("/")[2].startswith(_PREFIX):  # this process was forked by one for a service
        group = group.rpartition("/")[0]
    return below(base, group)
