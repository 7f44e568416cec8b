from __future__ import annotations

import pytest

from mlmagic.capture.missing import distribution_of, is_importable, missing_packages


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import gone", {"gone": 1}),
        ("import gone.inner as g, os", {"gone": 1}),
        ("from gone.inner import x", {"gone": 1}),
        ("def init():\n    import gone", {"gone": 2}),
        ("class A:\n    def init(self):\n        if True:\n            from gone import x", {"gone": 4}),
        ("def run(d):\n    with x:\n        import gone\nimport gone", {"gone": 3}),
        ("try:\n    import gone\nexcept ImportError:\n    gone = None", {}),
        ("try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    import gone", {"gone": 6}),
        ("try:\n    import gone\nfinally:\n    pass", {"gone": 2}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gone", {}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import gone\nelse:\n    import gone2", {"gone2": 5}),
        ("from . import gone", {}),
        ("import os, json", {}),
    ],
)
def test_missing_packages(source: str, expected: dict[str, int]) -> None:
    assert missing_packages(source, lambda name: not name.startswith("gone")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("os", True),
        ("numpy", True),
        ("azureml", True),
        ("inference_schema", True),
        ("no_such_package_anywhere", False),
    ],
)
def test_what_is_importable(name: str, expected: bool) -> None:
    assert is_importable(name) is expected


@pytest.mark.parametrize(("module", "expected"), [("sklearn", "scikit-learn"), ("xgboost", "xgboost")])
def test_the_name_to_install_a_package_by(module: str, expected: str) -> None:
    assert distribution_of(module) == expected
