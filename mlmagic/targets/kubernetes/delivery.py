"""How an image gets from the Docker engine that built it to the nodes of a cluster.

    MLMAGIC_REGISTRY=HOST/PATH        it is pushed there, and the nodes pull it
    kind-*, k3d-*, minikube           contexts of local clusters: their own command loads it into the nodes
    docker-desktop, orbstack          the nodes use the images of this machine's Docker engine
    MLMAGIC_IMAGE_LOADER="COMMAND"    any other local cluster: a command, with {image} in it, loads it
    MLMAGIC_SERVING_IMAGE=IMAGE       none is sent: the nodes have or pull this one, and the script and small
                                      models travel in a ConfigMap (`carried_files`)

`route` is a pure function; `Delivery.send` acts.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmagic.errors import BuildFailed, InvalidConfig, TargetUnavailable
from mlmagic.targets.base import Report
from mlmagic.targets.docker.image import Images
from mlmagic.targets.kubernetes.connection import TARGET

REGISTRY, LOADER, PULL_SECRET = "MLMAGIC_REGISTRY", "MLMAGIC_IMAGE_LOADER", "MLMAGIC_PULL_SECRET"
"""Variables: the registry, the command, and the Secret with which the nodes log in to the registry."""
SERVING_IMAGE = "MLMAGIC_SERVING_IMAGE"
"""A variable: an image with Python and all packages, for a cluster that no image of ours can reach."""
IMAGE = "{image}"
_SHARED = frozenset({"docker-desktop", "orbstack"})
_LOAD_SECONDS = 1800
_LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way to the nodes: a registry, a command, or neither where they have the image already."""

    registry: str = ""
    command: Sequence[str] = ()
    pull_secret: str = ""
    serving_image: str = ""
    """An image that is not ours, to which the files are brought."""

    @property
    def pull_policy(self) -> str:
        """When a node pulls the image: an image that was loaded is in no registry."""
        return "IfNotPresent" if self.registry or self.serving_image else "Never"

    def name_of(self, image: str) -> str:
        """The name of an image of the Docker engine, as the nodes know it."""
        return f"{self.registry}/{image}" if self.registry else image

    def send(self, images: Images, image: str, host: str, report: Report) -> None:
        """Push or load the image; ``host`` is the address of its Docker engine. Raises `BuildFailed`."""
        if self.registry:
            repository, _, label = self.name_of(image).rpartition(":")
            report(f"pushing {repository}:{label}")
            images.push(image, repository, label, None, report)
        elif self.command:
            report(f"loading {image} into the nodes")
            _run([word.replace(IMAGE, image) for word in self.command], host)


def route(environment: Mapping[str, str], context: str) -> Delivery:
    """The way to the nodes of the cluster of ``context``.

    Raises `TargetUnavailable` if there is none, and `InvalidConfig` for a command that names no image.
    """
    registry = environment.get(REGISTRY, "").strip().rstrip("/")
    pull_secret = environment.get(PULL_SECRET, "").strip()
    if registry:
        address = registry.partition("://")[2] or registry
        return Delivery(registry=address, pull_secret=pull_secret)
    command = environment.get(LOADER, "").strip()
    if command:
        if IMAGE not in command:
            raise InvalidConfig(LOADER, command, f"must contain {IMAGE}, the name of the image to load")
        return Delivery(command=shlex.split(command))
    if context in _SHARED:
        return Delivery()
    own = _own_command(context)
    if own:
        return Delivery(command=own)
    if serving_image := environment.get(SERVING_IMAGE, "").strip():
        return Delivery(serving_image=serving_image, pull_secret=pull_secret)
    raise TargetUnavailable(
        TARGET,
        f"there is no way for images to reach the nodes of context {context!r}",
        fix=f"Set {REGISTRY} to a registry that the nodes can pull from, such as registry.example/team. "
        f'For a local cluster, set {LOADER} to a command such as "kind load docker-image {IMAGE}". '
        f"Or set {SERVING_IMAGE} to an image that has all packages: then the script travels in a ConfigMap.",
    )


def _own_command(context: str) -> list[str]:
    """The command of a local cluster, by the name that its tool gives to contexts."""
    tool, _, cluster = context.partition("-")
    if tool == "kind" and cluster:
        return ["kind", "load", "docker-image", IMAGE, "--name", cluster]
    if tool == "k3d" and cluster:
        return ["k3d", "image", "import", IMAGE, "--cluster", cluster]
    if tool == "minikube":
        profile = ["--profile", context] if cluster else []
        return ["minikube", "image", "load", IMAGE, *profile]
    return []


def _run(command: Sequence[str], host: str) -> None:
    if shutil.which(command[0]) is None:
        raise BuildFailed(
            f"command {command[0]!r} not found, which loads images into the nodes",
            hint=f"Install it, or set {LOADER} to another command.",
        )
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "DOCKER_HOST": host},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LOAD_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailed(f"the image cannot be loaded into the nodes: {error}") from None
    if done.returncode:
        raise BuildFailed(
            f"the image cannot be loaded into the nodes: {shlex.join(command)} exited with code "
            f"{done.returncode}",
            log="\n".join(done.stdout.splitlines()[-_LAST_LINES:]),
        )
