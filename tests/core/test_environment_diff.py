"""What changed between two environments."""

from __future__ import annotations

import pytest

from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.environment_diff import differences

BASE = EnvironmentNeeds(
    name="e",
    version="1",
    python="3.11",
    conda_packages=("numpy=2.2",),
    pip_packages=("six==1.16.0", "idna"),
    variables={"A": "1"},
)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (BASE, []),
        (
            EnvironmentNeeds(
                name="f",
                version="2",
                python="3.12",
                pip_packages=("Six==1.17.0", "numpy==2.2.*", "attrs"),
                pip_options=("--extra-index-url https://a",),
                base_image="debian:12",
                variables={"A": "2", "B": "x"},
                gpu=True,
            ),
            [
                "python: 3.11 -> 3.12",
                "package attrs: added attrs",
                "package idna: removed idna",
                "package numpy: numpy=2.2 (conda) -> numpy==2.2.*",
                "package six: six==1.16.0 -> Six==1.17.0",
                "option --extra-index-url: added --extra-index-url https://a",
                "image base image: added debian:12",
                "variable A: 1 -> 2",
                "variable B: added x",
                "gpu: added yes",
            ],
        ),
        (
            EnvironmentNeeds(user_managed=True, interpreter="/opt/bin/python", variables={"A": "1"}),
            [
                "python: 3.11 -> the interpreter /opt/bin/python",
                "package idna: removed idna",
                "package numpy: removed numpy=2.2 (conda)",
                "package six: removed six==1.16.0",
            ],
        ),
    ],
)
def test_differences(new: EnvironmentNeeds, told: list[str]) -> None:
    assert [str(change) for change in differences(BASE, new)] == told


def test_each_says_which_kind_it_is() -> None:
    kinds = {change.kind for change in differences(BASE, EnvironmentNeeds(python="3.12"))}
    assert kinds == {"changed", "removed"}
