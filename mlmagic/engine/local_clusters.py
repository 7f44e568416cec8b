"""Kubernetes clusters on this machine, created and deleted by kind, k3d or minikube.

Each tool writes the context of a new cluster to the kubeconfig, where ``kubernetes:CONTEXT`` finds it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from mlmagic.core import advice
from mlmagic.core.notify import Notify
from mlmagic.errors import Advice, TargetUnavailable

SECONDS = 1800
_TARGET = "kubernetes"
_LAST_LINES = 10


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster of one of the tools: its context, and the commands that create and delete it."""

    context: str
    create: Sequence[str]
    delete: Sequence[str]


def cluster_of(tool: str, name: str) -> LocalCluster:
    """The cluster that ``tool`` creates as ``name``; contexts begin with the name of their tool."""
    if tool == "minikube":  # its contexts have the name of the profile
        profile = f"minikube-{name}"
        return LocalCluster(
            profile,
            ["minikube", "start", "--profile", profile],
            ["minikube", "delete", "--profile", profile],
        )
    if tool == "k3d":
        return LocalCluster(
            f"k3d-{name}", ["k3d", "cluster", "create", name], ["k3d", "cluster", "delete", name]
        )
    return LocalCluster(
        f"kind-{name}",
        ["kind", "create", "cluster", "--name", name],
        ["kind", "delete", "cluster", "--name", name],
    )


TOOLS = ("kind", "k3d", "minikube")
"""The tools, in the order in which they are chosen."""


def installed_tool() -> str | None:
    """The first of the tools that is on the PATH."""
    return next((tool for tool in TOOLS if shutil.which(tool) is not None), None)


def create(name: str, notify: Notify) -> tuple[str, str]:
    """Create a cluster; returns its tool and its context, and takes minutes. Raises `TargetUnavailable`."""
    tool = installed_tool()
    if tool is None:
        raise TargetUnavailable(
            _TARGET,
            f"{name!r} would be a new cluster, and none of {', '.join(TOOLS)} is installed to create it",
            fix=Advice(
                "Install kind and create it again, or attach a cluster that is there, by its context. Or run "
                "aks services on this machine: {setting}",
                setting=advice.compute("aks", "local"),
            ),
        )
    cluster = cluster_of(tool, name)
    notify(f"Creating the cluster with: {' '.join(cluster.create)}")
    _run(cluster.create)
    return tool, cluster.context


def delete(tool: str, name: str) -> None:
    """Delete a cluster that `create` has created. Raises `TargetUnavailable`."""
    _run(cluster_of(tool, name).delete)


def _run(command: Sequence[str]) -> None:
    line = " ".join(command)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetUnavailable(
            _TARGET, f"{line} failed: {error}", fix=f"Run it in a shell: {line}"
        ) from None
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise TargetUnavailable(
            _TARGET,
            f"{line} exited with code {done.returncode}: {last}",
            fix="Remove the cause and create it again, or attach a cluster that is there, by its context.",
        )
