"""Which cluster to use, and with which credentials.

It is the cluster that kubectl would use: the current context of KUBECONFIG or ~/.kube/config; inside a pod,
the pod's own cluster. The context is kept in the handle of each service, so a process with other settings
finds the service too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlmagic.core import advice
from mlmagic.errors import Advice, TargetUnavailable

TARGET = "kubernetes"
DEFAULT_NAMESPACE = "default"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""The folder with the credentials of a pod."""
FIX = Advice(
    "Choose a cluster with: kubectl config use-context NAME. Or deploy with: {local}",
    local=advice.target("local"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """A cluster, and the user and namespace there."""

    kubeconfig: str = ""
    """Paths of configurations, as in KUBECONFIG; empty inside a pod."""
    context: str = ""
    """The name of the context in them; empty inside a pod."""
    namespace: str = DEFAULT_NAMESPACE
    """The namespace of services that name none."""

    @property
    def is_inside(self) -> bool:
        """Whether this process runs in a pod of the cluster."""
        return not self.context


def current(environment: Mapping[str, str] = os.environ, *, context: str = "") -> Address:
    """The cluster that kubectl would use, or that of ``context``.

    Raises `TargetUnavailable` if there is none.
    """
    paths = environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if any(Path(path).is_file() for path in paths.split(os.pathsep)):
        return _of_context(paths, context)
    if environment.get("KUBERNETES_SERVICE_HOST") and (ACCOUNT / "token").is_file() and not context:
        return Address(namespace=_own_namespace())
    raise TargetUnavailable(
        TARGET,
        f"no Kubernetes cluster is configured: {paths} does not exist",
        fix=Advice("Set KUBECONFIG, or deploy with: {local}", local=advice.target("local")),
    )


def library() -> Any:
    """The module ``kubernetes.config`` of the client. Raises `TargetUnavailable` without it."""
    if find_spec("kubernetes") is None:
        raise TargetUnavailable(
            TARGET,
            "the target 'kubernetes' needs the package kubernetes",
            fix=Advice(
                "Install it with: pip install 'mlmagic[kubernetes]'. Or deploy with: {local}",
                local=advice.target("local"),
            ),
        )
    from kubernetes import config

    return config


def configuration(address: Address) -> Any:
    """The client's `Configuration` for a cluster: its URL, certificates and credentials.

    Raises `TargetUnavailable` for a configuration that cannot be read, and for a context that is not in it.
    """
    config = library()
    from kubernetes.client import Configuration

    settings = Configuration()
    try:
        if address.is_inside:
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(
                address.kubeconfig, address.context, client_configuration=settings, persist_config=False
            )
    except Exception as error:  # the client raises its own errors, and those of YAML, files and plug-ins
        raise TargetUnavailable(
            TARGET, f"the configuration of context {address.context!r} cannot be used: {error}", fix=FIX
        ) from None
    return settings


def _of_context(paths: str, context: str) -> Address:
    config = library()
    try:
        known, active = config.list_kube_config_contexts(paths)
    except Exception as error:
        raise TargetUnavailable(TARGET, f"{paths} cannot be read: {error}", fix=FIX) from None
    names = [each["name"] for each in known]
    wanted = context or (active or {}).get("name", "")
    found = next((each for each in known if each["name"] == wanted), None)
    if found is None:
        raise TargetUnavailable(
            TARGET,
            f"there is no context {wanted!r} in {paths}" if wanted else f"{paths} has no current context",
            fix=f"Choose one of {', '.join(names)}." if names else FIX,
        )
    namespace = found.get("context", {}).get("namespace") or DEFAULT_NAMESPACE
    return Address(paths, wanted, namespace)


def _own_namespace() -> str:
    try:
        return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or DEFAULT_NAMESPACE
    except OSError:
        return DEFAULT_NAMESPACE
