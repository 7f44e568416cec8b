"""The software bill of materials (SBOM) of a package, as CycloneDX 1.5: pip packages, and models by hash.

Equal content gives equal bytes: the SBOM has no timestamp, and its serial number is derived from the digest
of the content.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlmagic.core.environment import package_name
from mlmagic.core.model import Model

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

FILE = "sbom.cdx.json"
_NAMESPACE = uuid.UUID("5f0c6a5e-7a0e-5b3f-9d67-8c7f5a1f0b11")


def sbom_of(
    name: str,
    digest: str,
    base_image: str | None,
    requirements: Iterable[str],
    models: Sequence[Model],
) -> str:
    """The SBOM as JSON; without a ``base_image`` for what is no image."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot5

    package = Component(
        type=ComponentType.APPLICATION,
        bom_ref=name,
        name=name,
        version=digest[:12],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    mlmagic = Component(type=ComponentType.APPLICATION, name="mlmagic")
    about = BomMetaData(component=package, tools=ToolRepository(components=[mlmagic]))
    about.timestamp = None  # type: ignore[assignment] # else the current time, and the bytes differ
    parts = {*map(_library, _each_once(requirements)), *map(_model, models)}
    if base_image is not None:
        kind = ComponentType.CONTAINER
        parts.add(Component(type=kind, bom_ref=f"image:{base_image}", name=base_image))
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, digest), metadata=about, components=parts)
    bom.register_dependency(package, parts)
    return JsonV1Dot5(bom).output_as_string(indent=2) + "\n"


def _each_once(requirements: Iterable[str]) -> list[str]:
    """One line for each package, the one with its version. pip's options are no packages."""
    lines = sorted({line for line in requirements if not line.startswith("-")}, key=lambda line: "==" in line)
    return list({package_name(line): line for line in lines}.values())


def _library(requirement: str) -> Component:
    """A package; for the path of a wheel, which has no package URL, only the line."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    try:
        wanted = Requirement(requirement)
    except InvalidRequirement:
        return Component(type=ComponentType.LIBRARY, bom_ref=requirement, name=requirement)
    name = canonicalize_name(wanted.name)
    pins = (each.version for each in wanted.specifier if each.operator == "==")
    version = next((pin for pin in pins if not pin.endswith(".*")), None)
    purl = PackageURL("pypi", name=name, version=version)
    return Component(
        type=ComponentType.LIBRARY, bom_ref=purl.to_string(), name=name, version=version, purl=purl
    )


def _model(model: Model) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{model.id}",
        name=model.name,
        version=str(model.version),
        components=[
            Component(
                type=ComponentType.FILE,
                bom_ref=f"model:{model.id}/{file.path}",
                name=file.path,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.digest)],
            )
            for file in model.files
        ],
    )
