"""Script, models and server in a ConfigMap."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import UsageError
from mlmagic.scoring.environment import SOURCE_NAME_FILE
from mlmagic.targets.images.build_plan import build_plan
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.kubernetes.carried_files import LIMIT, CarriedFiles, carried, check_size, image_of
from mlmagic.targets.kubernetes.objects import Workload
from tests.support.specs import spec

SERVING = "registry.example/serving:{python}"
OWN_PACKAGES = {
    "docker": {"baseImage": "theirs:1"},
    "python": {"userManagedDependencies": True, "interpreterPath": "/opt/conda/bin/python"},
}


def test_the_archive_has_script_models_and_server(tmp_path: Path) -> None:
    models = tmp_path / "azureml-models" / "diabetes" / "1"
    models.mkdir(parents=True)
    (models / "model.bin").write_bytes(b"weights")
    given = spec(tmp_path / "run", model_dir=str(models))
    (Path(given.app_dir) / SOURCE_NAME_FILE).write_text("project")
    found = carried(build_plan(given, {}), "svc-1")
    with tarfile.open(fileobj=io.BytesIO(found.archive)) as tar:
        names = set(tar.getnames())
        assert tar.getmember("azureml-app/project").linkname == "."
    assert {"azureml-app/score.py", "azureml-models/diabetes/1/model.bin"} < names
    assert "server/mlmagic/scoring/__main__.py" in names
    assert found.folders == ("azureml-app", "azureml-models", "server")
    assert carried(build_plan(given, {}), "svc-1").archive == found.archive


def test_what_is_larger_than_a_config_map_is_refused(tmp_path: Path) -> None:
    given = spec(tmp_path)
    (Path(given.app_dir) / "noise.bin").write_bytes(os.urandom(LIMIT))
    with pytest.raises(UsageError, match=r"1\.\d\d MiB when compressed, .* at most 1 MiB.*MLMAGIC_REGISTRY"):
        carried(build_plan(given, {}), "svc-1")
    check_size(LIMIT - 100)


def test_large_models_are_refused_before_they_are_read(tmp_path: Path) -> None:
    given = spec(tmp_path)
    with (Path(given.app_dir) / "model.bin").open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(UsageError, match=r"are 512\d\.\d\d MiB, and a ConfigMap holds at most 1 MiB"):
        carried(build_plan(given, {}), "svc-1")


@pytest.mark.parametrize(
    ("environment", "image"),
    [(None, "registry.example/serving:3.12"), (OWN_PACKAGES, "theirs:1")],
)
def test_the_image_is_that_of_the_environment_or_of_the_setting(
    tmp_path: Path, environment: Mapping[str, Any] | None, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlmagic.targets.images.build_plan._own_python", lambda: "3.12")
    assert image_of(build_plan(spec(tmp_path, environment=environment), {}), SERVING) == image


@pytest.mark.parametrize(
    ("docker", "words"),
    [
        ({"baseDockerfile": "FROM scratch"}, "has a Dockerfile"),
        ({"baseImage": "theirs:1"}, "has packages that are installed upon its base image"),
    ],
)
def test_an_environment_that_needs_a_build_is_refused(
    tmp_path: Path, docker: Mapping[str, str], words: str
) -> None:
    plan = build_plan(spec(tmp_path, environment={"docker": docker}), {})
    with pytest.raises(UsageError, match=f"{words}.*no image that is built can reach the nodes"):
        image_of(plan, SERVING)


def test_a_pod_unpacks_the_files_before_its_server_starts() -> None:
    files = CarriedFiles("svc-1", b"archive", ("azureml-app", "server"), "/opt/conda/bin/python")
    made = Workload("svc", "theirs:1", DeploymentConfig("kubernetes"), files=files)
    pod = objects.deployment(made)["spec"]["template"]["spec"]
    (unpacker,), (server,) = pod["initContainers"], pod["containers"]
    assert unpacker["command"][0] == server["command"][0] == "/opt/conda/bin/python"
    assert server["lifecycle"]["preStop"]["exec"]["command"][0] == "/opt/conda/bin/python"
    assert unpacker["securityContext"] == server["securityContext"]
    mounted = {each["mountPath"]: each.get("subPath") for each in server["volumeMounts"]}
    assert mounted["/var/azureml-app"] == "azureml-app"
    assert mounted["/opt/mlmagic"] == "server"
    named = objects.config_map(made, files)
    assert (named["metadata"]["name"], list(named["binaryData"])) == ("svc-1", ["files.tar.gz"])
