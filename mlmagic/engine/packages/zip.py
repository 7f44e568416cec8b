"""Write a service as one file: a Python zip application; equal content gives equal bytes."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.environment import MINIMUM_MINOR
from mlmagic.core.package import Package
from mlmagic.engine.packages import sbom
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import MODELS
from mlmagic.targets.images.package_index import FOLDER

_EARLIEST = (1980, 1, 1, 0, 0, 0)


def write_zip(
    plan: BuildPlan, context: Context, config: DeploymentConfig, package: Package, bill: str, out: Path
) -> None:
    """Write the application to ``out``, with its SBOM ``bill``; ``python OUT --port 5001`` serves it."""
    settings = {
        "digest": package.digest,
        "models": list(package.models),
        "python": list(MINIMUM_MINOR),
        "entry_script": plan.entry_script,
        "model_dir": None
        if plan.model_dir is None
        else PurePosixPath(plan.model_dir).relative_to(MODELS).as_posix(),
        "variables": {**plan.needs.variables, **config.environment_variables},
    }
    start = Path(__file__).with_name("zip_main.py").read_bytes()
    with out.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            _add(packed, "__main__.py", start)
            _add(packed, sbom.FILE, bill.encode())
            _add(packed, "package.json", json.dumps(settings, indent=2).encode())
            for path, content in sorted(context.files.items()):
                if path != "Dockerfile" and not path.startswith(f"{FOLDER}/"):
                    _add(packed, path, content)
    out.chmod(0o755)


def _add(packed: zipfile.ZipFile, path: str, content: Path | bytes) -> None:
    entry = zipfile.ZipInfo(path, _EARLIEST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    if isinstance(content, bytes):
        packed.writestr(entry, content)
        return
    with content.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target)
