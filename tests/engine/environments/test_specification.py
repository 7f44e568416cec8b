"""The address of an environment's content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.engine.environments.build import arguments_of, conda_command
from mlmagic.engine.environments.pythons import Interpreter
from mlmagic.engine.environments.specification import Specification
from mlmagic.errors import InvalidConfigs
from mlmagic.targets.server_files import SERVER_REQUIREMENTS

PYTHON = Interpreter("/usr/bin/python3.11", "3.11.7")
ONE = Specification(PYTHON, ("six==1.16.0", "idna"))


def test_the_order_of_requirements_does_not_matter() -> None:
    assert ONE.key == Specification(PYTHON, ("idna", "six==1.16.0", "idna")).key
    assert ONE.lines == ("idna", "six==1.16.0", *SERVER_REQUIREMENTS)


@pytest.mark.parametrize(
    "changed",
    [
        {"requirements": ("six==1.16.0",)},
        {"options": ("--pre",)},
        {"python": replace(PYTHON, version="3.11.8")},
        {"platform": "other"},
        {"server": ("orjson>=4",)},
        {"conda_packages": ("six",)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_would_make_it_another_changes_the_address(changed: dict[str, object]) -> None:
    assert replace(ONE, **changed).key != ONE.key  # type: ignore[arg-type]


def test_it_is_json_and_back() -> None:
    assert Specification.from_record(json.loads(json.dumps(ONE.to_record()))) == ONE


def test_condas_packages_are_translated_unless_there_is_a_conda() -> None:
    needs = EnvironmentNeeds(
        conda_packages=("numpy=2.2",), conda_channels=("conda-forge",), pip_packages=("six",)
    )
    assert Specification.of(needs, PYTHON).requirements == ("numpy==2.2.*", "six")
    by_conda = Specification.of(needs, PYTHON, has_conda=True)
    assert (by_conda.requirements, by_conda.conda_packages) == (("six",), ("numpy=2.2",))
    assert conda_command("mamba", by_conda, Path("/x")) == [
        *("mamba", "create", "--yes", "--quiet", "--prefix", "/x", "--channel", "conda-forge"),
        *("python=3.11", "numpy=2.2"),
    ]
    assert by_conda.from_pypi == ()
    accepted = Specification.of(needs, PYTHON, has_conda=True, nearest=True)
    assert (accepted.nearest, accepted.from_pypi) == (True, ("numpy==2.2.*", "six"))
    no_wheels = replace(needs, conda_packages=("openmpi",))
    assert Specification.of(no_wheels, PYTHON, has_conda=True, nearest=True).from_pypi == ()
    with pytest.raises(InvalidConfigs):
        Specification.of(no_wheels, PYTHON)


def test_options_of_pip_that_uv_calls_otherwise() -> None:
    options = ["--pre", "--trusted-host example.org", "--index-url https://a"]
    assert list(arguments_of(options)) == ["--prerelease", "allow", "--allow-insecure-host", "example.org"]
