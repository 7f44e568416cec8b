"""Packages: a service for other machines, as an image, a folder, a file, or manifests.

Names and states: ModelPackage of azureml-core 1.61.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mlmagic.errors import InvalidConfig

DEFAULT_NAME = "package"
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class PackageKind(StrEnum):
    """The form of a package."""

    IMAGE = "image"
    """A Docker image."""
    FOLDER = "folder"
    """A folder with a Dockerfile, for ``docker build``."""
    ZIP = "zip"
    """One file, for ``python service.pyz``."""
    IOT_EDGE = "iot-edge"
    """The folder, and a deployment manifest of IoT Edge."""
    KUBERNETES = "kubernetes"
    """The folder, and manifests for ``kubectl apply -k``."""
    KSERVE = "kserve"
    """The folder, and an InferenceService of KServe."""
    KNATIVE = "knative"
    """The folder, and a Service of Knative."""
    AZUREML_V2 = "azureml-v2"
    """The folder, and a managed online endpoint and deployment for Azure ML v2."""

    @classmethod
    def parse(cls, text: str) -> PackageKind:
        """The kind named ``text``, in any case; raises `InvalidConfig` for others."""
        try:
            return cls(str(text).lower())
        except ValueError:
            raise InvalidConfig("kind of package", text, f"must be one of {', '.join(cls)}") from None


class PackageState(StrEnum):
    """The states of a package in Azure ML v1."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Package:
    """The record of one package."""

    name: str
    kind: PackageKind
    models: tuple[str, ...]
    created_time: float
    """Seconds since the epoch, UTC."""
    label: str = ""
    state: PackageState = PackageState.NOT_STARTED
    location: str = ""
    """The image's name with its label, or the path of the folder or file."""
    digest: str = ""
    """SHA-256 of the package's content, in hexadecimal."""
    error: str = ""
    log: tuple[str, ...] = field(default=(), repr=False)

    def record(self) -> dict[str, Any]:
        """The package as a JSON object."""
        return {**asdict(self), "kind": str(self.kind), "state": str(self.state)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Package:
        """The inverse of `record`."""
        return cls(
            **{
                **record,
                "kind": PackageKind(record["kind"]),
                "state": PackageState(record["state"]),
                "models": tuple(record["models"]),
                "log": tuple(record["log"]),
            }
        )


def check_image_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig` with the rule it breaks."""
    if not (3 <= len(name) <= 32 and _NAME.fullmatch(name)):
        raise InvalidConfig(
            "image name",
            name,
            "must be 3 to 32 lower-case letters, digits, '-' or '.', with a letter or digit at both ends",
        )
    return name


def check_image_label(label: str) -> str:
    """Return ``label``, or raise `InvalidConfig` with the rule it breaks."""
    if not _LABEL.fullmatch(label):
        raise InvalidConfig(
            "image label",
            label,
            "must be 1 to 128 letters, digits, '_', '.' or '-', not begin with '.' or '-'",
        )
    return label
