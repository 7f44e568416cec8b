"""Compiled models on each target: the parts are beside the models, and a variable tells the server where."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.compiled_models import COMPILED_FOLDER
from mlmagic.core.webservice import ServiceSpec
from mlmagic.scoring.environment import COMPILED_MODELS
from mlmagic.targets.docker.image import foundation_name, name_below
from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.build_plan import build_plan
from mlmagic.targets.kubernetes.carried_files import carried, mounts
from mlmagic.targets.local.command import server_environment
from tests.support.specs import spec

PART = f"{COMPILED_FOLDER}/m/1/model.pkl/compiled.json"
IN_IMAGE = f"/var/{COMPILED_FOLDER}"


@pytest.fixture
def compiled(tmp_path: Path) -> ServiceSpec:
    """A revision with one model, which is compiled."""
    models = tmp_path / "azureml-models" / "m" / "1"
    models.mkdir(parents=True)
    (models / "model.pkl").write_bytes(b"pickle")
    part = tmp_path / PART
    part.parent.mkdir(parents=True)
    part.write_text("{}")
    return spec(tmp_path, model_dir=str(models), compiled_dir=str(tmp_path / COMPILED_FOLDER))


@pytest.fixture
def plain(compiled: ServiceSpec) -> ServiceSpec:
    """The same, served as it is."""
    return replace(compiled, compiled_dir=None)


def test_a_process_here_gets_the_folder_and_not_that_of_the_kernel(
    compiled: ServiceSpec, plain: ServiceSpec
) -> None:
    inherited = {COMPILED_MODELS: "/another"}
    assert server_environment(compiled, inherited)[COMPILED_MODELS] == compiled.compiled_dir
    assert COMPILED_MODELS not in server_environment(plain, inherited)


def test_an_image_has_the_parts_the_variable_and_what_runs_them(
    compiled: ServiceSpec, plain: ServiceSpec
) -> None:
    plan, without = build_plan(compiled, {}), build_plan(plain, {})
    assert PART in plan.foundation.files
    assert PART not in without.foundation.files
    text = dockerfile.whole(plan.recipe, plan.start())
    assert f"COPY {COMPILED_FOLDER}/ {IN_IMAGE}/\n" in text
    assert f'{COMPILED_MODELS}="{IN_IMAGE}"' in text
    assert COMPILED_FOLDER not in dockerfile.whole(without.recipe, without.start())
    assert [line.partition("=")[0] for line in plan.requirements] == ["onnxruntime"]
    assert without.requirements == ()


def test_the_parts_are_in_the_image_of_the_models_and_not_in_the_foundation(compiled: ServiceSpec) -> None:
    before = build_plan(compiled, {})
    (Path(str(compiled.compiled_dir)) / "m/1/model.pkl/predict.onnx").write_text("another graph")
    after = build_plan(compiled, {})
    assert foundation_name(before) == foundation_name(after)
    assert name_below(before) != name_below(after)


def test_an_environment_with_the_package_keeps_its_version(compiled: ServiceSpec) -> None:
    dependencies = ["python=3.11", {"pip": ["onnxruntime==1.20.0"]}]
    environment = {"python": {"condaDependencies": {"dependencies": dependencies}}}
    assert build_plan(replace(compiled, environment=environment), {}).requirements == ("onnxruntime==1.20.0",)


def test_a_config_map_carries_the_parts(compiled: ServiceSpec, plain: ServiceSpec) -> None:
    found = carried(build_plan(compiled, {}), "svc-1")
    with tarfile.open(fileobj=io.BytesIO(found.archive)) as tar:
        assert PART in tar.getnames()
    assert found.variables[COMPILED_MODELS] == IN_IMAGE
    assert IN_IMAGE in {each["mountPath"] for each in mounts(found)}
    assert COMPILED_MODELS not in carried(build_plan(plain, {}), "svc-1").variables
