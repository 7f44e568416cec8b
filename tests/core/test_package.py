"""What packages may be called, and their records."""

from __future__ import annotations

import json

import pytest

from mlmagic.core.package import (
    Package,
    PackageKind,
    PackageState,
    check_image_label,
    check_image_name,
)
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize("name", ["package", "a.b-c", "a1b", "x" * 32])
def test_image_names(name: str) -> None:
    assert check_image_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "-abc", "abc-", "Abc", "a_b", "x" * 33, "a/b"])
def test_what_is_no_image_name(name: str) -> None:
    with pytest.raises(InvalidConfig, match="must be 3 to 32"):
        check_image_name(name)


@pytest.mark.parametrize("label", ["1", "v1.2-rc_3", "A" * 128])
def test_image_labels(label: str) -> None:
    assert check_image_label(label) == label


@pytest.mark.parametrize("label", ["", ".a", "-a", "a b", "a:b", "A" * 129])
def test_what_is_no_image_label(label: str) -> None:
    with pytest.raises(InvalidConfig, match="must be 1 to 128"):
        check_image_label(label)


def test_kinds_are_told() -> None:
    assert PackageKind.parse("ZIP") is PackageKind.ZIP
    kinds = "image, folder, zip, iot-edge, kubernetes, kserve, knative, azureml-v2"
    with pytest.raises(InvalidConfig, match=f"must be one of {kinds}"):
        PackageKind.parse("tar")


def test_a_record_survives_json() -> None:
    made = Package("n", PackageKind.IMAGE, ("m:1",), 1.0, "l", PackageState.FAILED, "n:l", "d", "e", ("x",))
    assert Package.of(json.loads(json.dumps(made.record()))) == made
