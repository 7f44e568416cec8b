"""`CondaDependencies`: building, editing, reading and writing a conda specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic.errors import NotFound
from mlmagic.sdk.conda import PYTHON_DEFAULT_VERSION, CondaDependencies, package_name
from mlmagic.sdk.exceptions import UserErrorException


def test_it_begins_as_the_first_sdk_does() -> None:
    begun = CondaDependencies()
    assert list(begun.conda_packages) == [f"python={PYTHON_DEFAULT_VERSION}"]
    assert list(begun.pip_packages) == ["azureml-defaults"]
    assert list(begun.conda_channels) == ["anaconda", "conda-forge"]
    assert begun.as_dict()["name"] == "project_environment"


def test_it_is_created_with_packages() -> None:
    made = CondaDependencies.create(
        pip_packages=["nltk", "numpy==2.2"],
        conda_packages=["scipy"],
        python_version="3.11",
        pip_indexurl="https://i",
    )
    assert list(made.conda_packages) == ["python=3.11", "scipy"]
    assert list(made.pip_packages) == ["nltk", "numpy==2.2"]
    assert list(made.pip_options) == ["--index-url https://i"]
    assert list(CondaDependencies.create().pip_packages) == ["azureml-defaults"]
    assert CondaDependencies.create().get_python_version() == "3.10.18"


def test_packages_are_added_replaced_and_removed() -> None:
    made = CondaDependencies()
    made.add_pip_package("Scikit_Learn==1.0")
    made.add_pip_package("scikit-learn>=1.5")
    made.add_conda_package("conda-forge::numpy=2.1")
    made.add_conda_package("numpy=2.2")
    assert list(made.pip_packages) == ["azureml-defaults", "scikit-learn>=1.5"]
    assert list(made.conda_packages) == [f"python={PYTHON_DEFAULT_VERSION}", "numpy=2.2"]
    made.remove_pip_package("scikit.learn")
    made.remove_conda_package("numpy")
    made.set_python_version("3.11")
    assert (list(made.pip_packages), list(made.conda_packages)) == (["azureml-defaults"], ["python=3.11"])
    made.set_pip_requirements(["a", "b"])
    made.add_channel("here")
    made.add_channel("here")
    made.remove_channel("anaconda")
    assert list(made.conda_channels) == ["conda-forge", "here"]
    assert made.as_dict()["dependencies"] == ["python=3.11", {"pip": ["a", "b"]}]


def test_options_are_set_replaced_and_removed() -> None:
    made = CondaDependencies()
    made.set_pip_option("--index-url https://a")
    made.set_pip_option("--index-url=https://b")
    made.set_pip_option("--pre")
    assert list(made.pip_options) == ["--pre", "--index-url=https://b"]
    made.remove_pip_option("--index-url")
    assert list(made.pip_options) == ["--pre"]
    assert list(made.pip_packages) == ["azureml-defaults"]


def test_it_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CondaDependencies.create(pip_packages=["nltk"], conda_packages=["numpy=2.2"])
    assert CondaDependencies(made.save(str(tmp_path / "a.yml"))) == made
    assert made.save_to_file(str(tmp_path)) == "conda_dependencies.yml"
    assert CondaDependencies(str(tmp_path / "conda_dependencies.yml")) == made
    monkeypatch.chdir(tmp_path)
    assert made.save() == "conda_dependencies.yml"
    assert "- python=3.10.18" in made.serialize_to_string() == repr(made)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda made: made.add_pip_package("--pre"), "begins with '-'"),
        (lambda made: made.add_pip_package(""), "must be text"),
        (lambda made: made.add_conda_package(3), "conda package 3 must be text"),
        (lambda made: made.set_pip_option("pre"), "does not begin with '-'"),
        (lambda made: made.remove_conda_package("python=3.8"), "python cannot be removed"),
    ],
)
def test_what_cannot_be_is_told(act: Any, told: str) -> None:
    made = CondaDependencies()
    with pytest.raises(UserErrorException, match=told):
        act(made)
    assert made == CondaDependencies()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "is not a mapping"),
        ("nmae: a", "has the key 'nmae'"),
        ("dependencies: [3]", "dependency 3 is neither"),
        ("dependencies: [{conda: [a]}]", "is neither"),
        ("a: [", "is not YAML"),
    ],
)
def test_files_that_are_no_specification(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "env.yml").write_text(text)
    with pytest.raises(UserErrorException, match=told):
        CondaDependencies(str(tmp_path / "env.yml"))
    with pytest.raises(NotFound, match="working folder"):
        CondaDependencies(str(tmp_path / "nowhere.yml"))


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("numpy", "numpy"),
        ("Scikit_Learn[x]>=1.3", "scikit-learn"),
        ("conda-forge::numpy=2.2=py311", "numpy"),
        ("a.b~=1 ; python_version<'4'", "a-b"),
        ("x @ https://h/x.whl", "x"),
    ],
)
def test_the_name_of_a_package(requirement: str, name: str) -> None:
    assert package_name(requirement) == name


def test_of_one_package_the_last_requirement_counts() -> None:
    assert CondaDependencies.merge_requirements(["a==1", "b", "A==2"]) == ["A==2", "b"]
