"""`InferenceConfig`: the script and its environment, the deprecated arguments among the ways to give one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WebserviceException
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.workspace import Workspace

CONDA = "name: e\ndependencies:\n- python=3.11\n- pip:\n  - nltk\n"
DEPRECATED = [
    {"runtime": "python"},
    {"runtime": "python", "conda_file": "env.yml"},
    {"runtime": "python", "conda_file": "env.yml", "enable_gpu": False},
    {"enable_gpu": False},
]


@pytest.fixture
def folder(source: Path) -> Path:
    (source / "source_dir" / "env.yml").write_text(CONDA)
    return source / "source_dir"


def config(folder: Path, **more: Any) -> InferenceConfig:
    return InferenceConfig("score.py", source_directory=str(folder), **more)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("given", DEPRECATED, ids=lambda given: ",".join(given))
def test_the_deprecated_arguments_are_deployed_and_updated(
    fake_engine: Engine,
    folder: Path,
    given: dict[str, Any],
) -> None:
    workspace = Workspace.over(fake_engine)
    script = config(folder, **given)
    service = Model.deploy(workspace, "svc", [], script, LocalWebservice.deploy_configuration())
    service.wait_for_deployment(timeout_sec=20)
    assert service.state == "Healthy"
    environment = service.environment
    if "conda_file" in given:
        assert list(environment.python.conda_dependencies.pip_packages) == ["nltk"]
    else:
        assert environment is None, "no argument names a package or an image"
    assert fake_engine.services.revision(service.record).config.environment_variables == {}
    service.update(inference_config=script)
    service.wait_for_deployment(timeout_sec=20)
    assert service.state == "Healthy"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"runtime": "python"}, "runtime"),
        ({"conda_file": "env.yml", "enable_gpu": True}, "conda_file, enable_gpu"),
        ({"base_image": "debian:12", "cuda_version": "10.0"}, "base_image, cuda_version"),
    ],
)
def test_the_deprecated_arguments_are_warned_of(folder: Path, given: dict[str, Any], names: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"InferenceConfig: {names}: ") as warned:
        made = config(folder, **given)
    # The library's own, as in azureml-core: a notebook, which shows those of its cells, stays quiet.
    assert warned[0].filename.endswith("mlmagic/sdk/inference.py")
    made.validate_configuration()
    for name, value in given.items():
        assert getattr(made, name) == value
        with pytest.raises(AttributeError):
            setattr(made, name, value)


def test_the_environment_has_what_they_say(folder: Path) -> None:
    (folder / "steps").write_text("RUN true\n")
    with pytest.warns(DeprecationWarning, match="conda_file"):
        made = config(
            folder,
            conda_file="env.yml",
            extra_docker_file_steps="steps",
            enable_gpu=True,
            base_image="debian:12",
            cuda_version="10.0",
        )
    assert made.environment is not None
    docker = made.environment.docker
    assert (docker.base_image, docker.extra_steps, docker.enable_gpu, docker.cuda_version) == (
        "debian:12",
        "RUN true\n",
        True,
        "10.0",
    )
    assert made.environment_variables == {}


@pytest.mark.parametrize("given", [{"runtime": "python"}, {"enable_gpu": True}, {"base_image": "debian:12"}])
def test_they_exclude_an_environment(folder: Path, given: dict[str, Any]) -> None:
    with pytest.raises(WebserviceException, match=f"{next(iter(given))} .* excludes environment"):
        config(folder, environment=Environment("e"), **given)


def test_a_switch_that_is_off_excludes_nothing(folder: Path) -> None:
    environment = Environment("e")
    assert config(folder, environment=environment, enable_gpu=False).environment is environment


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    with pytest.raises(WebserviceException) as told:
        config(folder, runtime="r", conda_file="nowhere.yml", cuda_version="3")
    for name in ("runtime", "conda_file", "cuda_version"):
        assert name in str(told.value)
