"""`Model` and `Webservice`: the documents' names over the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, ScriptError, UsageError
from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.exceptions import WebserviceException
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import SERVICE_CLASSES, Workspace
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, script

pytestmark = pytest.mark.together


@pytest.fixture
def model(fake_engine: Engine, tmp_path: Path) -> Model:
    path = tmp_path / "net.onnx"
    path.write_text("weights")
    details = ModelDescription("net", tags={"a": "1"}, description="d", sample_input=[1])
    return Model.of(Workspace.over(fake_engine), fake_engine.models.register(path, details))


def test_a_model_tells_what_is_known_of_it(model: Model) -> None:
    assert (model.name, model.version, model.id) == ("net", 1, "net:1")
    assert (model.model_framework, model.model_framework_version) == ("Onnx", None)
    assert (model.files, model.size) == (["net.onnx"], 7)
    assert (model.sample_input, model.sample_output) == ([1], None)
    assert model.created_time.utcoffset() is not None
    assert repr(model) == "Model(name='net', id='net:1', version=1, tags={'a': '1'}, properties={})"


def test_a_models_tags_change_and_its_properties_do_not(model: Model) -> None:
    model.add_tags({"b": "2"})
    model.remove_tags(["a", "never"])
    assert model.tags == {"b": "2"}
    model.update(tags={"c": "3"}, description="new")
    assert (model.tags, model.description) == ({"c": "3"}, "new")
    model.add_properties({"p": "1"})
    with pytest.raises(UsageError, match="p"):
        model.add_properties({"p": "2"})
    assert model.properties == {"p": "1"}


def test_a_model_is_downloaded_and_deleted(model: Model, tmp_path: Path) -> None:
    assert model.download(tmp_path / "here") == str(tmp_path / "here" / "net.onnx")
    with pytest.raises(AlreadyExists):
        model.download(tmp_path / "here")
    model.download(tmp_path / "here", exist_ok=True)
    model.delete()
    with pytest.raises(NotFound):
        model.delete()


def test_a_services_values_are_the_workspaces(fake_engine: Engine, model: Model) -> None:
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", ["net"], script(), ON_FAKE)
    )
    service.wait_for_deployment(timeout_sec=20)
    assert (service.state, [each.id for each in service.models], service.compute_type) == (
        "Healthy",
        ["net:1"],
        "fake",
    )
    assert service.scoring_uri is not None
    assert service.scoring_uri.endswith("/score")
    assert (service.swagger_uri or "").endswith("/swagger.json")
    assert service.get_logs() == "launched svc r1"
    assert [(point.seconds, point.requests_per_second) for point in service.traffic_history(2)] == [
        (450, 0)
    ] * 2
    assert len(service.traffic_history()) == 90
    with pytest.raises(InvalidConfig, match="intervals 0 must be between 1 and 900"):
        service.traffic_history(0)
    service.update(models=[model], tags={"t": "1"}, cpu_cores=2.0)
    service.wait_for_deployment(timeout_sec=20)
    assert service.tags == {"t": "1"}
    assert fake_engine.services.revision(service.record).config.cpu == 2.0
    service.stop()
    assert service.state == "Stopped"
    service.start()
    service.wait_for_deployment(timeout_sec=20)
    service.restart()
    service.wait_for_deployment(timeout_sec=20)
    assert service.record.serving == 3
    service.delete()
    assert repr(service) == "Webservice(name='svc', deleted)"
    with pytest.raises(NotFound):
        service.state  # noqa: B018


def test_a_model_is_deployed_without_a_script(fake_engine: Engine, model: Model) -> None:
    workspace = Workspace(fake_engine.location)
    workspace.engine = fake_engine
    service = Model.deploy(workspace, "svc", [model], deployment_config=ON_FAKE)
    service.wait_for_deployment(timeout_sec=20)
    assert (service.state, [each.id for each in service.models]) == ("Healthy", ["net:1"])
    inference = fake_engine.services.revision(service.record).inference
    assert inference.no_code
    made = fake_engine.scripts.no_code(["net"])
    assert "from mlmagic.scoring.frameworks.onnx import init, run" in (made.script_text or "")
    service.update(models=["net:1"])
    assert fake_engine.services.revision(service.record).inference == inference


def test_a_failed_service_has_its_error(
    fake_engine: Engine,
    fake: FakeTarget,
) -> None:
    error = {"phase": "init", "type": "KeyError", "message": "x", "traceback": "t"}
    fake.next_observations = [Observation(Phase.EXITED, error=error)]
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    )
    with pytest.raises(ScriptError, match="KeyError"):
        service.wait_for_deployment(timeout_sec=20)
    assert service.error == error


def test_run_sends_what_it_is_given(fake_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    )
    service.wait_for_deployment(timeout_sec=20)
    sent: list[Any] = []
    monkeypatch.setattr(fake_engine.client, "score", lambda name, uri, data, caller: sent.append(data))
    service.run('{"data": 1}')
    assert sent == ['{"data": 1}']


def test_what_an_update_changes(fake_engine: Engine) -> None:
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    )
    service.wait_for_deployment(timeout_sec=20)
    service.update(environment_variables={"A": "1"}, cors_origins="*", properties={"p": "1"})
    service.wait_for_deployment(timeout_sec=20)
    config = fake_engine.services.revision(service.record).config
    assert (config.environment_variables, config.cors_origins) == ({"A": "1"}, "*")
    service.add_properties({"q": "2"})
    service.add_tags({"t": "1"})
    service.remove_tags(["t", "u"])
    assert (service.properties, service.tags) == ({"p": "1", "q": "2"}, {})
    with pytest.raises(UsageError, match="properties never change, and p are set"):
        service.update(properties={"p": "2"})
    with pytest.raises(NotFound, match=r"Argument of .* not found: 'cpu_core'\. Did you mean 'cpu_cores'"):
        service.update(cpu_core=2)
    with pytest.raises(UsageError, match="No parameters provided to update"):
        service.update()
    service.update(cpu_cores=2.0)
    service.wait_for_deployment(timeout_sec=20)
    assert (service.properties, service.tags) == ({"p": "1", "q": "2"}, {}), "labels outlive an update"
    told = service.serialize()
    assert (told["name"], told["computeType"], told["modelIds"]) == ("svc", "fake", [])


def test_a_service_goes_back_to_an_earlier_revision(
    fake_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    )
    service.wait_for_deployment()
    with pytest.raises(WebserviceException, match=r"List its revisions with: service\.revisions\(\)"):
        service.rollback()
    service.update(cpu_cores=2.0, tags={"a": "b"})
    service.wait_for_deployment()
    assert service.rollback() == 1
    service.wait_for_deployment()
    assert "Rolling back to revision 1. The new revision is 3." in capsys.readouterr().out
    assert (service.record.serving, service.tags) == (3, {"a": "b"})
    assert fake_engine.services.revision(service.record).config.cpu == ON_FAKE.cpu
    now, before, first = service.revisions()
    assert (now.number, now.is_serving, now.rollback_of) == (3, True, 1)
    assert (before.change, before.was_healthy, first.change) == ("cpu, tag", True, "deployed")
    assert service.rollback(2) == 2
    with pytest.raises(NotFound, match="not found: '9'"):
        service.rollback(9)


def test_a_service_in_a_container_is_updated_by_the_documents_arguments(
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in (AciWebservice, AksWebservice):
        monkeypatch.setitem(SERVICE_CLASSES, "fake", kind)
        name = kind.__name__.lower()
        service = Webservice.of(
            Workspace.over(fake_engine), fake_engine.services.deploy(name, [], script(), ON_FAKE)
        )
        assert isinstance(service, kind)
        service.wait_for_deployment(timeout_sec=20)
        service.update(tags={"a": "b"}, auth_enabled=True, batch=True)
        service.wait_for_deployment(timeout_sec=20)
        assert (service.tags, service.auth_enabled, service.cpu_cores) == ({"a": "b"}, True, 0.1)
        assert fake_engine.services.revision(service.record).config.batch
        needed = service.container_resource_requirements
        assert (needed.cpu, needed.memory_in_gb, needed.cpu_limit) == (0.1, 0.5, None)
        with pytest.raises(UsageError, match="images are built by mlmagic"):
            service.update(image="x")  # type: ignore[arg-type]
        with pytest.raises(AttributeError, match="has no attribute 'cpus'"):
            service.cpus  # noqa: B018


def test_the_reprs_of_services_look_alike(
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    for kind in (Webservice, LocalWebservice, AciWebservice, AksWebservice):
        monkeypatch.setitem(SERVICE_CLASSES, "fake", kind)
        service = Webservice.of(Workspace.over(fake_engine), record)
        service.wait_for_deployment(timeout_sec=20)
        shown = f"(name='svc', state='Healthy', scoring_uri={service.scoring_uri!r})"
        assert repr(service) == kind.__name__ + shown


def test_a_service_in_a_cluster_tells_how_it_scales(
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SERVICE_CLASSES, "fake", AksWebservice)
    asked = AksWebservice.deploy_configuration(
        autoscale_enabled=True, autoscale_max_replicas=5, period_seconds=20, cpu_cores=1, cpu_cores_limit=2
    )
    config = replace(asked.to_core(), target="fake")
    service = Webservice.of(
        Workspace.over(fake_engine), fake_engine.services.deploy("svc", [], script(), config)
    )
    assert isinstance(service, AksWebservice)
    scaler, probe = service.autoscaler, service.liveness_probe_requirements
    assert (scaler.min_replicas, scaler.max_replicas, scaler.target_utilization) == (1, 5, 70)
    assert (probe.period_seconds, probe.initial_delay_seconds, probe.failure_threshold) == (20, 310, 3)
    assert service.container_resource_requirements.cpu_limit == 2
    assert not service.data_collection.storage_enabled
