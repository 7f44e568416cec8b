"""The labels of what a target creates for a revision: containers, images, objects of a cluster."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlmagic.core.webservice import ServiceSpec


def key_of(run_dir: str) -> str:
    """Identifies a revision: 12 hexadecimal digits of the hash of its run folder's path."""
    return hashlib.sha256(run_dir.encode()).hexdigest()[:12]


def labels_of(spec: ServiceSpec) -> dict[str, str]:
    """The labels of all that belongs to a revision."""
    folders = Path(spec.run_dir).parents
    workspace = str(folders[min(2, len(folders) - 1)])  # services/ID/rN; a trial has another depth
    return {
        "mlmagic.service": spec.name,
        "mlmagic.revision": str(spec.revision),
        "mlmagic.workspace": key_of(workspace),
        "mlmagic.key": key_of(spec.run_dir),
    }
