"""Script, models and server in a ConfigMap, for a cluster that no image of ours can reach.

Where there is neither a registry nor a command that loads images, `MLMAGIC_SERVING_IMAGE` names an image that
the nodes have or can pull, with Python and all packages. Each pod unpacks the files before its server starts.
A ConfigMap holds little, so this suits scripts and small models. Pure functions.
"""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmagic.core.compiled_models import COMPILED_FOLDER
from mlmagic.errors import UsageError
from mlmagic.scoring.environment import COMPILED_MODELS
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Context, epoch, size_of
from mlmagic.targets.images.dockerfile import APP, COMPILED, MODELS, SERVER

LIMIT = 1 << 20
"""The most bytes that Kubernetes stores in a ConfigMap, of which names take a few."""
MOST_UNCOMPRESSED = 64 << 20
ARCHIVE = "files.tar.gz"
UNPACK = "unpack"
"""The name of the container that unpacks the files."""
_ARCHIVE_FOLDER, _FILES_FOLDER = "/var/mlmagic-archive", "/var/mlmagic-files"
_FOLDERS = {"azureml-app": APP, "azureml-models": MODELS, COMPILED_FOLDER: COMPILED, "server": SERVER}
"""Where the server finds each folder of the archive."""
_FIX = (
    "Set MLMAGIC_REGISTRY to a registry that the nodes can pull from, such as registry.example/team. Then an "
    "image holds them."
)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CarriedFiles:
    """The files of a revision in a ConfigMap, and the interpreter of the image that they are unpacked in."""

    name: str
    """The name of the ConfigMap."""
    archive: bytes
    folders: tuple[str, ...]
    """The folders in the archive."""
    python: str = "python3"

    @property
    def command(self) -> list[str]:
        """How the server is started."""
        return [self.python, "-m", "mlmagic.scoring"]

    @property
    def variables(self) -> dict[str, str]:
        """What an image of ours would say in its Dockerfile."""
        compiled = {COMPILED_MODELS: COMPILED} if COMPILED_FOLDER in self.folders else {}
        return {"PYTHONPATH": SERVER, "HOME": "/tmp", "AML_APP_ROOT": APP, **compiled}


def image_of(plan: BuildPlan, serving_image: str) -> str:
    """The image with the packages: that of an environment which manages its own, else ``serving_image``.

    Raises `UsageError` for an environment that needs an image to be built.
    """
    recipe, needs = plan.recipe, plan.needs
    reason = ""
    if recipe.base_dockerfile is not None:
        reason = "a Dockerfile"
    elif recipe.extra_steps:
        reason = "steps for its Dockerfile"
    elif needs.base_image is not None and not needs.user_managed:
        reason = "packages that are installed upon its base image"
    if reason:
        raise UsageError(
            f"the environment has {reason}, and no image that is built can reach the nodes",
            hint="Set MLMAGIC_REGISTRY to a registry that the nodes can pull from, such as "
            "registry.example/team.",
        )
    image = recipe.base_image if needs.base_image is not None else serving_image
    return image.replace("{python}", plan.python)


def carried(plan: BuildPlan, name: str) -> CarriedFiles:
    """The files of a plan, for a ConfigMap of this name. Raises `UsageError` if they are too large."""
    files = {**plan.foundation.files, **plan.app.files}
    kept = {path: content for path, content in files.items() if path.partition("/")[0] in _FOLDERS}
    check_size(sum(map(size_of, kept.values())), is_compressed=False)
    tar = io.BytesIO()
    Context(kept).archive(tar)
    if source_name := plan.start().source_name:  # the name by which scripts may open the folder's files
        _add_link(tar, f"azureml-app/{source_name}")
    archive = gzip.compress(tar.getvalue(), mtime=0)
    check_size(len(archive))
    folders = tuple(each for each in _FOLDERS if any(path.startswith(f"{each}/") for path in kept))
    return CarriedFiles(name, archive, folders, plan.recipe.interpreter or "python3")


def _add_link(tar: io.BytesIO, name: str) -> None:
    """Add a link to its own folder."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, ".", epoch()
    tar.seek(0)
    with tarfile.open(fileobj=tar, mode="a") as opened:
        opened.addfile(entry)


def check_size(size: int, *, is_compressed: bool = True) -> None:
    """Raises `UsageError` for so many bytes that no ConfigMap holds.

    Files that are not compressed yet may be much larger, but not so large that it takes long to find out.
    """
    if size > (LIMIT - len(ARCHIVE) if is_compressed else MOST_UNCOMPRESSED):
        compressed = " when compressed" if is_compressed else ""
        raise UsageError(
            f"script, models and server are {size / LIMIT:.2f} MiB{compressed}, and a ConfigMap holds at "
            "most 1 MiB",
            hint=_FIX,
        )


def config_map(files: CarriedFiles, metadata: Mapping[str, Any]) -> Object:
    """The ConfigMap with the archive."""
    data = {ARCHIVE: base64.b64encode(files.archive).decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": dict(metadata), "binaryData": data}


def volumes(files: CarriedFiles) -> list[Object]:
    """The volumes of a pod for the archive and for what is unpacked."""
    return [
        {"name": "archive", "configMap": {"name": files.name}},
        {"name": "files", "emptyDir": {}},
    ]


def mounts(files: CarriedFiles) -> list[Object]:
    """The mounts of the server's container: each folder where an image of ours has it."""
    return [
        {"name": "files", "mountPath": _FOLDERS[each], "subPath": each, "readOnly": True}
        for each in files.folders
    ]


def unpacker(files: CarriedFiles, server: Mapping[str, Any]) -> Object:
    """The container that unpacks the archive, with the image and the limits of the ``server``'s container."""
    return {
        "name": UNPACK,
        "image": server["image"],
        "imagePullPolicy": server["imagePullPolicy"],
        "command": [files.python, "-m", "tarfile", "-e", f"{_ARCHIVE_FOLDER}/{ARCHIVE}", _FILES_FOLDER],
        "resources": server["resources"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": server["securityContext"],
        "volumeMounts": [
            {"name": "archive", "mountPath": _ARCHIVE_FOLDER, "readOnly": True},
            {"name": "files", "mountPath": _FILES_FOLDER},
        ],
    }
