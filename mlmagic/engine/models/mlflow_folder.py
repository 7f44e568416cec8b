"""Read the metadata of an MLflow model folder: requirements, Python version, sample and signature.

MLmodel             flavours, signature, the version of Python
requirements.txt    what it was logged with; exact pins are the versions of its libraries
input_example.json  a sample, where one was logged
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.core.model import ModelDescription
from mlmagic.core.paths import join

FRAMEWORK = "MLflow"
_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;,]+)")


def describe(details: ModelDescription, folder: Path) -> ModelDescription:
    """``details`` completed with the folder's metadata. The model's signature becomes a property."""
    import yaml

    try:
        metadata: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return details  # the scoring server reports what is wrong with it
    signature = {key: value for key, value in (metadata.get("signature") or {}).items() if value}
    properties = (
        {"signature": json.dumps(signature), **details.properties} if signature else details.properties
    )
    python = ((metadata.get("flavors") or {}).get("python_function") or {}).get("python_version")
    return replace(
        details,
        libraries={**_pins(folder / "requirements.txt"), **details.libraries},
        python_version=details.python_version or str(python or ""),
        properties={**properties, **details.properties},
        sample_input=_sample(folder, metadata) if details.sample_input is None else details.sample_input,
        framework_version=details.framework_version or metadata.get("mlflow_version"),
        run_id=details.run_id or str(metadata.get("run_id") or ""),
    )


def _pins(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    found = (match.groups() for line in lines if (match := _PIN.match(line.strip())))
    # mlflow itself is not needed to serve what can be served without it.
    return {name: version for name, version in found if name.lower() not in ("mlflow", "mlflow-skinny")}


def _sample(folder: Path, metadata: dict[str, Any]) -> Any:
    """The rows of the input example, as the ``data`` of a request."""
    name = (metadata.get("saved_input_example_info") or {}).get("artifact_path")
    if not name or not (file := join(folder, str(name), "artifact_path")).is_file():
        return None
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return value.get("data", value) if isinstance(value, dict) else value
