"""The software bill of materials (SBOM) of a package, as CycloneDX 1.5: pip packages, and models by hash.

The same for the same content: it has no time in it, and its serial number is made of the content's digest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from mlmagic.core.environment import package_name
from mlmagic.core.model import Model

FILE = "sbom.cdx.json"
_NAMESPACE = uuid.UUID("5f0c6a5e-7a0e-5b3f-9d67-8c7f5a1f0b11")


def sbom_of(
    name: str, digest: str, base_image: str, requirements: Iterable[str], models: Sequence[Model]
) -> dict[str, Any]:
    """The document."""
    components = [_library(line) for line in requirements]
    components += [_model(model) for model in models]
    components.append({"type": "container", "bom-ref": f"image:{base_image}", "name": base_image})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": digest[:12],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
            "tools": {"components": [{"type": "application", "name": "mlmagic"}]},
        },
        "components": components,
    }


def _library(requirement: str) -> dict[str, Any]:
    name = package_name(requirement)
    version = requirement.partition("==")[2].split(";")[0].strip()
    made: dict[str, Any] = {"type": "library", "name": name}
    if version:
        made |= {"version": version, "purl": f"pkg:pypi/{name}@{version}"}
    else:
        made["purl"] = f"pkg:pypi/{name}"
    return {**made, "bom-ref": made["purl"]}


def _model(model: Model) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.id}",
        "name": model.name,
        "version": str(model.version),
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{model.id}/{file.path}",
                "name": file.path,
                "hashes": [{"alg": "SHA-256", "content": file.digest}],
            }
            for file in model.files
        ],
    }
