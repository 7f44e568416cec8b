"""The level "restricted" of the pod security standards, with all of its controls.

Source: kubernetes.io/docs/concepts/security/pod-security-standards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)


def violations(pod: Mapping[str, Any]) -> list[str]:
    """What a pod's ``spec`` has that the level forbids, or lacks that it demands."""
    return [*_of_pod(pod), *(each for one in _containers(pod) for each in _of_container(pod, one))]


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod.get(key, ())


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key))
    for volume in pod.get("volumes", ()):
        yield from (f"volume of kind {kind}" for kind in volume.keys() - {"name"} - VOLUMES)
    if pod.get("securityContext", {}).get("sysctls"):
        yield "sysctls"


def _of_container(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})

    def setting(key: str) -> Any:
        return own.get(key, of_pod.get(key))

    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "privilege escalation is allowed"
    if setting("runAsNonRoot") is not True or setting("runAsUser") == 0:
        yield "it may run as root"
    if (setting("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "a port of the host"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
