"""The SBOM of a release."""

from __future__ import annotations

import json
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from mlmagic import __version__
from tests.supply_chain.dependencies import Dependencies
from tests.supply_chain.sbom import make, name_of, of_release

pytestmark = pytest.mark.together


def test_what_only_an_extra_brings_is_optional() -> None:
    components = [{"name": "Click", "version": "8"}, {"name": "docker", "version": "7"}]
    bill = {"metadata": {"component": {"name": "mlmagic"}, "tools": {}}, "components": components}
    made = of_release(bill, "1.2", {"click"})
    assert [each["scope"] for each in made["components"]] == ["required", "optional"]
    assert made["metadata"]["component"]["purl"] == "pkg:pypi/mlmagic@1.2"
    assert name_of(made) == "mlmagic-1.2"
    assert "scope" not in components[0]


@pytest.mark.processes
@pytest.mark.timeout(600)  # installs packages
def test_the_sbom_of_the_base_installation_is_valid_and_complete() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    content: dict[str, Any] = make(extras=[])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(content)) is None
    assert name_of(content) == f"mlmagic-{__version__}"
    found = {canonicalize_name(each["name"]) for each in content["components"]}
    assert found == Dependencies().base
    assert {each["scope"] for each in content["components"]} == {"required"}
    assert all(each["version"] and each["purl"].startswith("pkg:pypi/") for each in content["components"])
    (needed,) = [each["dependsOn"] for each in content["dependencies"] if each["ref"] == "root-component"]
    assert any(each.startswith("click==") for each in needed)
