"""The needs of an environment, parsed from its JSON."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.environment import (
    EnvironmentNeeds,
    needs_of,
    python_minor,
    with_base_image_kept,
    without_password,
)
from tests.support.conda import conda


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, EnvironmentNeeds()),
        ({"name": "e", "version": 2}, EnvironmentNeeds("e", "2")),
        (
            conda("python=3.11", "numpy=2.2", "pip=24", {"pip": ["requests>=2", "--index-url x"]}),
            EnvironmentNeeds(
                python="3.11",
                conda_packages=("numpy=2.2",),
                pip_packages=("requests>=2",),
                pip_options=("--index-url x",),
            ),
        ),
        # What the first SDK writes by itself is nobody's wish.
        (conda("python=3.10.18", {"pip": ["azureml-defaults"]}), EnvironmentNeeds()),
        (conda("python==3.12", channels=["c"]), EnvironmentNeeds(python="3.12", conda_channels=("c",))),
        (
            {"python": {"userManagedDependencies": True, "interpreterPath": "/opt/python"}},
            EnvironmentNeeds(user_managed=True, interpreter="/opt/python"),
        ),
        (
            {"docker": {"baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20230101"}},
            EnvironmentNeeds(),
        ),
        ({"docker": {"baseImage": "mine:1"}}, EnvironmentNeeds(base_image="mine:1")),
    ],
)
def test_needs(record: dict[str, Any] | None, expected: EnvironmentNeeds) -> None:
    assert needs_of(record) == expected
    assert expected.needs_image == bool(expected.base_image)
    assert len(expected.of_image) == bool(expected.base_image)


OLD_IMAGE = "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04"


@pytest.mark.parametrize(
    ("docker", "used", "ignored"),
    [
        ({"baseImage": OLD_IMAGE}, None, OLD_IMAGE),
        ({"baseImage": "azureml/base-gpu:1"}, None, "azureml/base-gpu:1"),
        (
            {"baseImage": "azureml/curated/x:1", "baseImageRegistry": {"address": "mcr.microsoft.com"}},
            None,
            "azureml/curated/x:1",
        ),
        ({"baseImage": OLD_IMAGE, "keepBaseImage": True}, OLD_IMAGE, None),
        ({"baseImage": "my.registry/azureml/base:1"}, "my.registry/azureml/base:1", None),
        (
            {"baseImage": "azureml/base:1", "baseImageRegistry": {"address": "my.registry"}},
            "azureml/base:1",
            None,
        ),
        ({"baseImage": "azureml"}, "azureml", None),
    ],
)
def test_images_of_azure_are_not_used(docker: dict[str, Any], used: str | None, ignored: str | None) -> None:
    needs = needs_of({"docker": docker})
    assert (needs.base_image, needs.ignored_image) == (used, ignored)


def test_the_base_image_is_kept_on_demand() -> None:
    record = {"name": "e", "docker": {"baseImage": OLD_IMAGE}}
    assert needs_of(with_base_image_kept(record)).base_image == OLD_IMAGE
    assert record == {"name": "e", "docker": {"baseImage": OLD_IMAGE}}


def test_what_only_a_container_can_meet_is_told() -> None:
    record = {
        "docker": {
            "baseDockerfile": "FROM mine",
            "extraDockerFileSteps": "RUN apt-get install -y libgomp1",
            "buildContext": {"location": "folder"},
        }
    }
    assert list(needs_of(record).of_image) == [
        "a Dockerfile",
        "the Docker build context folder",
        "more steps of a Dockerfile, such as system packages",
    ]


def test_what_only_a_container_has() -> None:
    record = {"docker": {"baseDockerfile": "FROM x"}}
    assert list(needs_of(record).of_image) == ["a Dockerfile"]
    record = {"docker": {"buildContext": {"location": "folder"}}}
    assert list(needs_of(record).of_image) == ["the Docker build context folder"]


@pytest.mark.parametrize(
    ("version", "minor"),
    [("3.11", (3, 11)), ("3.11.4", (3, 11)), ("3.11.*", (3, 11)), ("3", (3, 0)), ("x", (0, 0))],
)
def test_of_python_the_minor_version_counts(version: str, minor: tuple[int, int]) -> None:
    assert python_minor(version) == minor


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("python", None),
        ("python=*", None),
        ("python=3.9", "3.9"),
        ("python==3.11.4", "3.11.4"),
        ("python 3.12", "3.12"),
        ("conda-forge::python=3.12", "3.12"),
        ("python>=3.9", None),
        ("python >=3.12", "3.12"),
        ("python>=3.9,<3.13", "3.12"),
        ("python <=3.12", "3.12"),
        ("python<3.13.4", "3.13"),
        ("python<3.13.0", "3.12"),
    ],
)
def test_the_python_that_conda_is_told(package: str, version: str | None) -> None:
    assert needs_of(conda(package)).python == version


def test_an_indexs_password_is_not_shown() -> None:
    assert without_password("--index-url https://me:pw@host/simple") == "--index-url https://***@host/simple"
    assert without_password("--index-url https://host/a@b") == "--index-url https://host/a@b"


def test_a_registrys_password_is_not_shown() -> None:
    needs = needs_of({"docker": {"baseImageRegistry": {"address": "a", "password": "hidden"}}})
    assert needs.registry.password == "hidden"
    assert "hidden" not in repr(needs)
