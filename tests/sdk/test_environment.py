"""`Environment`: made, edited, registered, and as the documents' JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.curated import CURATED
from mlmagic.core.environment import needs_of, package_name
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound
from mlmagic.sdk import environment_json
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.environment_sections import ContainerRegistry, DockerBuildContext
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.assets import Asset


def test_it_begins_as_the_first_sdk_does() -> None:
    begun = Environment("e")
    assert (begun.name, begun.version) == ("e", None)
    assert begun.environment_variables == {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}
    assert (begun.python.interpreter_path, begun.python.user_managed_dependencies) == ("python", False)
    assert begun.docker.shm_size == "2g"
    assert (begun.docker.platform["os"], begun.docker.platform["architecture"]) == ("Linux", "amd64")
    assert begun.inferencing_stack_version is None
    assert begun.docker.base_dockerfile is None


def test_it_is_registered_in_versions(workspace: Workspace) -> None:
    made = Environment("project")
    assert made.register(workspace).version == "1"
    assert made.version == "1"
    assert made.register(workspace).version == "1", "the same is no new version"
    dependencies = made.python.conda_dependencies
    assert dependencies is not None
    dependencies.add_pip_package("nltk")
    assert made.register(workspace).version == "2"
    assert Environment.versions(workspace, "project") == ("1", "2")
    newest = Environment.get(workspace, "project")
    assert newest.version == "2"
    assert list(newest.python.conda_dependencies.pip_packages) == ["azureml-defaults", "nltk"]  # type: ignore[union-attr]
    first = Environment.get(workspace, "project", version="1")
    assert list(first.python.conda_dependencies.pip_packages) == ["azureml-defaults"]  # type: ignore[union-attr]
    assert list(workspace.environments) == ["project", *CURATED]
    copied = newest.clone("other")
    assert (copied.name, copied.version) == ("other", None)
    with pytest.raises(UserErrorException, match=r"Environment not found: 'projct'\. Did you mean 'project'"):
        Environment.get(workspace, "projct")
    with pytest.raises(NotFound, match="Version of environment 'project' not found: '9'"):
        Environment.get(workspace, "project", "9")
    with pytest.raises(UserErrorException, match="a version or a label"):
        Environment.get(workspace, "project", "1", "latest")
    for name in ("AzureML-mine", "Microsoft-x"):
        with pytest.raises(UserErrorException, match="reserved"):
            Environment(name).register(workspace)
    with pytest.raises(UserErrorException, match="no name"):
        Environment().register(workspace)


def test_what_it_is_made_from(tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("name: e\ndependencies:\n- python=3.11\n- pip: [nltk]\n")
    (tmp_path / "requirements.txt").write_text(
        "# all of it\nnumpy==2.2  # pinned\n--extra-index-url https://i\n\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN true\n")
    conda = Environment.from_conda_specification("c", str(tmp_path / "env.yml")).python.conda_dependencies
    assert conda is not None
    assert (conda.get_python_version(), list(conda.pip_packages)) == ("3.11", ["nltk"])
    pip = Environment.from_pip_requirements("p", str(tmp_path / "requirements.txt"), "24.0")
    assert list(pip.python.conda_dependencies.pip_packages) == ["numpy==2.2"]  # type: ignore[union-attr]
    assert list(pip.python.conda_dependencies.pip_options) == ["--extra-index-url https://i"]  # type: ignore[union-attr]
    assert "pip=24.0" in pip.python.conda_dependencies.conda_packages  # type: ignore[union-attr]
    registry = ContainerRegistry()
    registry.address = "r"
    image = Environment.from_docker_image("i", "debian:12", registry)
    assert (image.docker.base_image, image.docker.base_image_registry.address) == ("debian:12", "r")
    for given in (str(tmp_path / "Dockerfile"), "FROM debian\nRUN true\n"):
        docker = Environment.from_dockerfile("d", given, pip_requirements=str(tmp_path / "requirements.txt"))
        assert docker.docker.base_dockerfile == "FROM debian\nRUN true\n"
        assert docker.docker.base_image is None
    context = DockerBuildContext.from_local_directory(None, str(tmp_path))
    assert Environment.from_docker_build_context("b", context).docker.build_context is context
    with pytest.raises(NotFound):
        DockerBuildContext.from_local_directory(None, str(tmp_path), "Nofile")
    with pytest.raises(NotFound):
        Environment.from_pip_requirements("p", str(tmp_path / "nowhere.txt"))
    with pytest.raises(UserErrorException, match="not both"):
        Environment.from_dockerfile("d", "FROM a\n", "a.yml", "b.txt")


def test_a_specification_without_a_python_version_gets_this_one(tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("dependencies: [numpy]\n")
    with pytest.warns(UserWarning, match="names no Python version"):
        made = Environment.from_conda_specification("c", str(tmp_path / "env.yml"))
    assert made.python.conda_dependencies.get_python_version()  # type: ignore[union-attr]


def test_setting_one_image_resets_the_others() -> None:
    docker = Environment("e").docker
    docker.base_dockerfile = "FROM debian\nRUN true"
    assert docker.base_image is None
    with pytest.warns(UserWarning, match="docker.base_dockerfile is reset"):
        docker.base_image = "debian"
    assert docker.base_dockerfile is None


def test_a_folder_holds_all_of_it(tmp_path: Path) -> None:
    made = Environment("e")
    made.docker.base_dockerfile = "FROM debian\nRUN true\n"
    made.environment_variables = {"A": "1"}
    made.save_to_directory(str(tmp_path / "env"))
    names = {path.name for path in (tmp_path / "env").iterdir()}
    assert names == {"azureml_environment.json", "conda_dependencies.yml", "BaseDockerfile"}
    again = Environment.load_from_directory(str(tmp_path / "env"))
    assert again.to_record() == made.to_record()
    with pytest.raises(AlreadyExists):
        made.save_to_directory(str(tmp_path / "env"))
    made.save_to_directory(str(tmp_path / "env"), overwrite=True)
    with pytest.raises(NotFound):
        Environment.load_from_directory(str(tmp_path / "nowhere"))
    (tmp_path / "env" / "azureml_environment.json").write_text("{")
    with pytest.raises(UserErrorException, match="is not JSON"):
        Environment.load_from_directory(str(tmp_path / "env"))


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (3, "environment 3 must be a mapping"),
        ({"nmae": "a"}, "Key of environment not found: 'nmae'. Did you mean 'name'"),
        (
            {"docker": {"baseImge": "a"}},
            "Key of environment.docker not found: 'baseImge'. Did you mean 'baseImage'",
        ),
        ({"docker": {"baseImageRegistry": 3}}, "environment.docker.baseImageRegistry 3 must be a mapping"),
        ({"python": []}, "environment.python"),
    ],
)
def test_json_that_is_no_environment(record: Any, told: str) -> None:
    if record == {"python": []}:
        record = {"python": ["a"]}
    with pytest.raises((InvalidConfig, NotFound), match=told):
        environment_json.check_record(record)


def test_the_documents_own_file_is_read() -> None:
    record = {
        "docker": {
            "arguments": [],
            "baseDockerfile": None,
            "baseImage": "img",
            "enabled": False,
            "sharedVolumes": True,
            "shmSize": None,
        },
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "name": "my-deploy-env",
        "python": {
            "baseCondaEnvironment": None,
            "condaDependencies": {
                "channels": ["conda-forge"],
                "dependencies": ["python=3.6.2", {"pip": ["azureml-defaults", "nltk"]}],
                "name": "project_environment",
            },
            "condaDependenciesFile": None,
            "interpreterPath": "python",
            "userManagedDependencies": False,
        },
        "version": "1",
    }
    made = Environment.from_record(json.loads(json.dumps(record)))
    assert (made.name, made.version, made.docker.base_image) == ("my-deploy-env", "1", "img")
    assert made.python.conda_dependencies.get_python_version() == "3.6.2"  # type: ignore[union-attr]


def test_from_packages_one_by_one_and_from_an_interpreter() -> None:
    made = Environment.from_pins("e", "3.12", ["six==1.16.0"], ["numpy=2.2"])
    assert list(made.python.conda_dependencies.pip_packages) == ["six==1.16.0"]  # type: ignore[union-attr]
    assert list(made.python.conda_dependencies.conda_packages) == ["python=3.12", "numpy=2.2"]  # type: ignore[union-attr]
    assert made.environment_variables == {}
    with pytest.raises(UserErrorException, match="there is no notebook here"):
        Environment.from_notebook("e")
    with pytest.raises(NotFound):
        Environment.from_existing_interpreter("e", "/no/python")


def test_curated_ones_are_got_by_name_and_never_replaced(workspace: Workspace) -> None:
    found = Environment.get(workspace, "mlmagic-sklearn")
    assert (found.version, Environment.versions(workspace, "mlmagic-sklearn")) == ("1", ("1",))
    with pytest.raises(UserErrorException, match="for the curated ones"):
        found.register(workspace)
    mine = found.clone("mine").register(workspace)
    assert mine.version == "1"


@pytest.mark.processes
def test_it_is_made_on_this_machine(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    made = Environment.from_pins("e", "3.6", ["six==1.16.0"])
    built = made.build(workspace).wait_for_completion()
    assert (built.status, built.python.is_file()) == ("Succeeded", True)
    assert made.build_local(workspace, useDocker=False) == built.python
    assert "(the nearest that can run the scoring server)" in capsys.readouterr().out


def test_labels_name_versions(workspace: Workspace) -> None:
    made = Environment("labelled")
    made.register(workspace)
    made.environment_variables = {"A": "b"}
    made.register(workspace)
    Environment.label(workspace, "labelled", "1", ["stable", "old"])
    assert Environment.get(workspace, "labelled", label="stable").version == "1"
    Environment.label(workspace, "labelled", "2", "stable")
    assert Environment.get(workspace, "labelled", label="stable").version == "2"
    assert Environment.get(workspace, "labelled", label="old").version == "1"
    assert Environment.get(workspace, "labelled", label="latest").version == "2"
    with pytest.raises(UserErrorException, match="Environment label not found: 'labelled:new'"):
        Environment.get(workspace, "labelled", label="new")
    with pytest.raises(UserErrorException, match="always the newest"):
        Environment.label(workspace, "labelled", "1", ["latest"])


def test_a_wheel_of_ones_own_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    wheel = tmp_path / "mine-1-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    address = Environment.add_private_pip_wheel(workspace, str(wheel))
    assert address.startswith("file://")
    assert address.endswith("/wheels/mine-1-py3-none-any.whl")
    with pytest.raises(UserErrorException, match="already exists"):
        Environment.add_private_pip_wheel(workspace, str(wheel))
    assert Environment.add_private_pip_wheel(workspace, str(wheel), exist_ok=True) == address
    with pytest.raises(UserErrorException, match="Wheel not found"):
        Environment.add_private_pip_wheel(workspace, str(tmp_path / "none.whl"))


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", {"scikit-learn", "pandas"}),
        ("AzureML-Scikit-learn-0.20.3", {"scikit-learn"}),
        ("AzureML-Tutorial", {"scikit-learn"}),
        ("AzureML-onnxruntime-1.6-ubuntu18.04-py37-cpu-inference", {"onnxruntime"}),
        ("AzureML-PyTorch-1.6-CPU", {"torch"}),
        ("AzureML-TensorFlow-2.2-CPU", {"tensorflow"}),
        ("AzureML-xgboost-0.9-ubuntu18.04-py37-cpu-inference", {"xgboost", "scikit-learn"}),
        ("AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu", {"lightgbm", "scikit-learn"}),
        ("AzureML-Minimal", set()),
        ("AzureML-minimal-ubuntu18.04-py37-cpu-inference", set()),
    ],
)
def test_an_environment_of_azures_has_todays_libraries_here(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], name: str, packages: set[str]
) -> None:
    found = Environment.get(workspace, name, version="7")
    assert found.name == name
    said = f"{name} is an environment of Azure's: here it has today's versions of its libraries."
    assert capsys.readouterr().out == f"{said}\n"
    needs = needs_of(found.to_record())
    assert {package_name(line) for line in needs.pip_packages} >= packages
    assert (needs.pip_packages == ()) == (not packages)
    copied = found.clone("mine")
    copied.register(workspace)
    assert Environment.get(workspace, "mine").name == "mine"
    assert capsys.readouterr().out == ""


def test_a_name_like_azures_that_nothing_stands_for_is_not_found(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match="Environment not found: 'AzureML-Dask-CPU'"):
        Environment.get(workspace, "AzureML-Dask-CPU")


def test_a_registrys_password_is_not_shown() -> None:
    environment = Environment("private")
    environment.docker.base_image_registry.password = "secret"
    record = environment.to_record()
    assert record["docker"]["baseImageRegistry"]["password"] == "secret"
    shown = [environment, environment.docker.base_image_registry, InferenceConfig("s.py", environment=record)]
    shown.append(Asset("environment", "private", 1, record, 0.0))
    assert not [each for each in shown if "secret" in repr(each)]
