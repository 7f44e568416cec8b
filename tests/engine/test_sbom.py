"""The bill of materials (SBOM) of a package."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlmagic.core.model import Model, ModelDescription, StoredFile
from mlmagic.engine.packages.sbom import sbom_of

pytestmark = pytest.mark.together

FILES = StoredFile("a/ü.bin", "ab" * 32, 3), StoredFile("net.bin", "cd" * 32, 3)
NET = Model(ModelDescription("net"), 2, FILES, 1.0)
TREE = Model(ModelDescription("tree"), 1, (StoredFile("tree.pkl", "ef" * 32, 3),), 1.0)
LINES = [
    "--extra-index-url https://me:secret@example.org/simple",
    "uvloop==0.19.0",
    "uvloop==0.19.0",
    "UVLoop>=0.18",
    "torch==2.1+cpu; python_version > '3'",
    "Scikit_Learn[extra]>=1.5",
    "numpy==2.*",
    "./wheels/mine.whl",
    "mine @ https://example.org/mine.whl",
]


def bill(lines: list[str], models: list[Model]) -> str:
    return sbom_of("net-image", "12" * 32, "python:3.11-slim", lines, models)


@pytest.mark.together  # the validator loads jsonschema's many grammars
@pytest.mark.parametrize("lines", [[], LINES])
@pytest.mark.parametrize("models", [[], [NET, TREE]])
def test_it_is_valid(lines: list[str], models: list[Model]) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill(lines, models)) is None


@pytest.mark.together
def test_it_lists_packages_models_and_the_base_image() -> None:
    document = json.loads(bill(LINES, [NET]))
    of: dict[str, dict[str, Any]] = {each["bom-ref"]: each for each in document["components"]}
    assert sorted(of) == [
        "./wheels/mine.whl",
        "image:python:3.11-slim",
        "model:net:2",
        "pkg:pypi/mine",
        "pkg:pypi/numpy",
        "pkg:pypi/scikit-learn",
        "pkg:pypi/torch@2.1%2Bcpu",
        "pkg:pypi/uvloop@0.19.0",
    ]
    assert of["pkg:pypi/torch@2.1%2Bcpu"]["version"] == "2.1+cpu"
    assert "version" not in of["pkg:pypi/scikit-learn"]
    assert "purl" not in of["./wheels/mine.whl"]
    hashes = {file["name"]: file["hashes"] for file in of["model:net:2"]["components"]}
    assert hashes["a/ü.bin"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    (needed,) = [each["dependsOn"] for each in document["dependencies"] if each["ref"] == "net-image"]
    assert sorted(needed) == sorted(of)
    assert "secret" not in json.dumps(document)


@pytest.mark.together
def test_what_is_no_image_has_no_base_image() -> None:
    document = json.loads(sbom_of("net-file", "12" * 32, None, LINES, [NET]))
    assert "container" not in {each["type"] for each in document["components"]}


@pytest.mark.together
def test_the_same_content_gives_the_same_bytes() -> None:
    assert bill(LINES, [NET, TREE]) == bill(LINES[::-1], [TREE, NET])
    assert "timestamp" not in bill(LINES, [NET])
