"""`compile` in the SDK: of a registration, of a deployment's configuration, of a package."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.engine import Engine
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.workspace import Workspace
from tests.support.engines import ON_FAKE, script
from tests.support.estimators import ridge, unusual

pytestmark = pytest.mark.together

EQUAL = "Compiled: predict (equal to 1e-12 on "


@pytest.fixture
def workspace(fake_engine: Engine) -> Workspace:
    return Workspace.over(fake_engine)


def test_a_model_is_registered_compiled(workspace: Workspace, tmp_path: Path) -> None:
    model = Model.register(workspace, str(ridge(tmp_path)), "ridge", compile=True)
    assert model.compilation[0].startswith(EQUAL)
    assert Model(workspace, "ridge").compilation == model.compilation
    service = Model.deploy(workspace, "svc", [model], script(), ON_FAKE)
    assert service.compilation == model.compilation


def test_a_model_of_a_run_is_registered_compiled(workspace: Workspace, tmp_path: Path) -> None:
    run = Experiment(workspace, "training").start_logging()
    run.upload_file("outputs/ridge.pkl", str(ridge(tmp_path)))
    model = run.register_model("ridge", "outputs/ridge.pkl", compile=True)
    assert model.compilation[0].startswith(EQUAL)


def test_a_model_that_cannot_be_compiled_is_registered(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Model.register(workspace, str(unusual(tmp_path)), "odd", compile=True)
    (reason,) = model.compilation
    assert reason.startswith("Not compiled: ")
    assert reason in capsys.readouterr().out


def test_a_deployment_configuration_has_it() -> None:
    for kind in (LocalWebservice, AksWebservice):
        assert kind.deploy_configuration().to_core().compile is None
        assert kind.deploy_configuration(compile=True).to_core().compile is True
        assert kind.deploy_configuration(compile=False).to_core().compile is False


def test_a_service_is_updated_to_compiled_models(workspace: Workspace, tmp_path: Path) -> None:
    model = Model.register(workspace, str(ridge(tmp_path)), "ridge")
    assert model.compilation == []
    service = Model.deploy(workspace, "svc", [model], script(), ON_FAKE)
    assert service.compilation == []
    service.update(compile=True)
    assert service.compilation[0].startswith(EQUAL)
    assert Model(workspace, "ridge").compilation == service.compilation


def test_a_package_has_it(workspace: Workspace, tmp_path: Path) -> None:
    model = Model.register(workspace, str(ridge(tmp_path)), "ridge")
    package = Model.package(workspace, [model], script(), generate_dockerfile=True, compile=True)
    package.wait_for_creation()
    package.save(str(tmp_path / "out"))
    below = tmp_path / "out" / "azureml-compiled" / "ridge" / "1" / "ridge.pkl"
    assert (below / "compiled.json").is_file()
    assert "onnxruntime==" in (tmp_path / "out" / "requirements.txt").read_text()
    assert DeploymentConfig().compile is None
