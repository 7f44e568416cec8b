"""Which compute target runs a compute type of Azure ML v1: reading the settings, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.arguments import ComputeType
from mlmagic.core.compute_mapping import Placement, parse_mapping, placement
from mlmagic.errors import InvalidConfig, NotFound

ACI, AKS, ENDPOINT = ComputeType.ACI, ComputeType.AKS, ComputeType.AKS_ENDPOINT
TARGETS = ("docker", "local")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"aci": "local"}, {ACI: "local"}),
        ({"ACI": "local", "aks": "docker"}, {ACI: "local", AKS: "docker"}),
        ('{"aci": "local"}', {ACI: "local"}),
        ("aci=local", {ACI: "local"}),
        (" aci = local , aks=docker,", {ACI: "local", AKS: "docker"}),
        ("", {}),
        ("aks=kubernetes:ctx", {AKS: "kubernetes:ctx"}),
    ],
)
def test_a_mapping_is_a_dict_or_its_text(given: Any, expected: dict[ComputeType, str]) -> None:
    read = parse_mapping(given, "here", (*TARGETS, "kubernetes"))
    assert read == {key: Placement(target, "here") for key, target in expected.items()}


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"acii": "local"}, NotFound, "Compute type of here not found: 'acii'. Did you mean 'aci'?"),
        ({"aci": "lokal"}, NotFound, "Target of here not found: 'lokal'. Did you mean 'local'?"),
        ({"aci": 3}, NotFound, "Target of here not found: '3'"),
        (
            {"aks": "kubernetes:ctx"},
            InvalidConfig,
            "here of aks 'kubernetes:ctx' needs the target 'kubernetes', which is not installed. "
            "Use docker or local.",
        ),
        ({"aks": "local:ctx"}, InvalidConfig, "has a context, and 'local' has none. Write 'local'."),
        ("aci local", InvalidConfig, "here 'aci local' must map compute types to targets. For example"),
        ("[1]", InvalidConfig, "must map compute types to targets"),
        (["aci"], InvalidConfig, "must map compute types to targets"),
        ("{aci", InvalidConfig, "must map compute types to targets"),
    ],
)
def test_a_wrong_mapping_names_the_value_and_the_rule(
    given: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        parse_mapping(given, "here", TARGETS)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("compute", "mappings", "expected"),
    [
        (ACI, [], None),
        (ACI, [{"aci": "local"}], "local"),
        (ACI, [{}, {"aci": "local"}], "local"),
        (ACI, [{"aci": "docker"}, {"aci": "local"}], "docker"),
        (ACI, [{"aks": "docker"}, {"aci": "local"}], "local"),
        (ENDPOINT, [{"aks": "docker"}], "docker"),
        (ENDPOINT, [{"aksendpoint": "local", "aks": "docker"}], "local"),
        (AKS, [{"aksendpoint": "local"}], None),
    ],
)
def test_the_strongest_setting_that_names_the_type_holds(
    compute: ComputeType, mappings: list[dict[str, str]], expected: str | None
) -> None:
    found = placement(compute, [parse_mapping(each, "here", TARGETS) for each in mappings])
    assert (found.target if found else None) == expected
