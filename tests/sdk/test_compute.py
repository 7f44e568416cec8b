"""Services of aci and aks on a machine that has neither, by a mapping of compute types to targets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine import local_clusters
from mlmagic.engine.targets import Targets
from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.aks_endpoint import AksEndpoint
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.compute import AksCompute, AmlCompute, ComputeTarget
from mlmagic.sdk.compute_configuration import AksUpdateConfiguration, SslConfiguration
from mlmagic.sdk.exceptions import ComputeTargetException, WebserviceException
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.location import Location, read_config
from tests.support.certificates import write_certificate

OFFER = '%config MLMagic.compute = {"aci": "local"} (outside of a notebook: MLMAGIC_COMPUTE=aci=local)'


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch, source: Path) -> Iterator[None]:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.delenv("MLMAGIC_COMPUTE", raising=False)
    yield
    Targets.chosen = {}


@pytest.fixture
def on_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aci=local,aks=local")


def script() -> InferenceConfig:
    return InferenceConfig("score.py", source_directory="source_dir")


def test_without_docker_the_error_offers_the_setting(workspace: Workspace) -> None:
    with pytest.raises(WebserviceException) as caught:
        Model.deploy(workspace, "svc", [], script(), AciWebservice.deploy_configuration())
    text = str(caught.value)
    assert text.startswith("aci cannot run here: no Docker engine answers at unix:///nowhere/docker.sock")
    assert "deploy with: LocalWebservice.deploy_configuration()" in text
    assert OFFER in text
    assert "--" not in text
    assert workspace.webservices == {}


def test_without_a_cluster_the_error_offers_the_setting(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    for config in (AksWebservice.deploy_configuration(), AksEndpoint.deploy_configuration()):
        with pytest.raises(WebserviceException) as caught:
            Model.deploy(workspace, "svc", [], script(), config)
        assert "no Kubernetes cluster is configured: /nowhere/config" in str(caught.value)
        assert '%config MLMagic.compute = {"aks": "local"}' in str(caught.value)


@pytest.mark.processes
@pytest.mark.usefixtures("on_local")
def test_an_aci_service_runs_as_a_process(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    config = AciWebservice.deploy_configuration(cpu_cores=2, memory_gb=1, auth_enabled=True, tags={"a": "b"})
    service = Model.deploy(workspace, "svc", [], script(), config)
    said = "aci runs on the target local here, as MLMAGIC_COMPUTE says; CPU and memory are not limited there."
    assert capsys.readouterr().out.count(said) == 1
    service.wait_for_deployment()
    assert type(service) is type(workspace.webservices["svc"]) is AciWebservice
    assert (service.compute_type, service.record.target) == ("ACI", "local")
    assert (service.cpu_cores, service.tags, service.serialize()["computeType"]) == (2, {"a": "b"}, "ACI")
    assert service.run(json.dumps([1])) == [1]
    assert [each.name for each in Webservice.list(workspace, "ACI")] == ["svc"]
    assert Webservice.list(workspace, "Local") == []
    service.update(tags={"c": "d"}, enable_app_insights=True)
    service.wait_for_deployment()
    assert "runs on the target" not in capsys.readouterr().out
    assert (service.enable_app_insights, service.record.target) == (True, "local")


@pytest.mark.usefixtures("on_local")
def test_a_target_that_is_named_stays(workspace: Workspace) -> None:
    with pytest.raises(WebserviceException, match="no Docker engine answers") as caught:
        Model.deploy(workspace, "svc", [], script(), DeploymentConfig("docker"))
    assert "MLMagic.compute" not in str(caught.value)


def test_the_configuration_file_of_a_workspace_maps_too(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"workspace_name": "team", "folder": "team", "compute": {"aci": "lokal"}}))
    place = read_config(file)
    assert Location.from_json(place.to_json()) == place
    targets = Targets(location=place)
    with pytest.raises(Exception, match=r"Target of \"compute\" in .*config.json not found: 'lokal'"):
        targets.placement(AciWebservice.deploy_configuration().compute)
    written = Workspace(place).write_config(tmp_path / "other")
    assert json.loads(written.read_text())["compute"] == {"aci": "lokal"}


@pytest.mark.processes
@pytest.mark.usefixtures("on_local")
def test_the_documents_cluster_is_the_target_that_stands_for_it(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configuration = AksCompute.provisioning_configuration(agent_count=3, location="eastus")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(cert, key, "localhost")
    configuration.enable_ssl("localhost", str(cert), str(key))
    target = ComputeTarget.create(workspace, "myaks", configuration)
    assert "myaks stands for the target local, as MLMAGIC_COMPUTE says. No effect here: " in (
        capsys.readouterr().out
    )
    target.wait_for_completion(show_output=True)
    assert (target.provisioning_state, target.provisioning_errors) == ("Succeeded", None)
    found = AksCompute(workspace, "myaks")
    config = AksWebservice.deploy_configuration(num_replicas=3, auth_enabled=False)
    service = Model.deploy(workspace, "svc", [], script(), config, deployment_target=found)
    assert "CPU and memory are not limited there." in capsys.readouterr().out
    service.wait_for_deployment()
    assert type(service) is AksWebservice
    assert service.compute_target_name == "myaks"
    assert service.scoring_uri is not None
    assert service.scoring_uri.startswith("https:")
    assert service.run(json.dumps([1])) == [1]
    assert service.num_replicas == 3
    count = len(service.revisions())
    service.update(num_replicas=2)
    assert (service.num_replicas, len(service.revisions())) == (2, count)
    service.update(description="new")
    service.wait_for_deployment()
    assert service.scoring_uri.startswith("https:")
    endpoint = Model.deploy(workspace, "end", [], script(), AksEndpoint.deploy_configuration(), found)
    assert type(endpoint) is AksEndpoint
    assert endpoint.compute_type == "AKSENDPOINT"


@pytest.mark.processes
@pytest.mark.usefixtures("on_local")
def test_the_certificate_of_a_cluster_changes_for_its_services(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = ComputeTarget.attach(workspace, "myaks", AksCompute.attach_configuration("group", "c"))
    config = AksWebservice.deploy_configuration(num_replicas=1, auth_enabled=False)
    service = Model.deploy(workspace, "svc", [], script(), config, target)
    alone = Model.deploy(workspace, "alone", [], script(), LocalWebservice.deploy_configuration())
    service.wait_for_deployment()
    alone.wait_for_deployment()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(cert, key, "localhost")
    ssl = SslConfiguration(cname="localhost", cert=str(cert), key=str(key))
    assert (ssl.status, ssl.cname) == ("Enabled", "localhost")
    AksCompute(workspace, "myaks").update(AksUpdateConfiguration(ssl))
    assert capsys.readouterr().out.count("svc is updated: it will use HTTPS.") == 1
    service.wait_for_deployment()
    assert str(service.scoring_uri).startswith("https:")
    assert service.run(json.dumps([1])) == [1]
    AksCompute(workspace, "myaks").update(AksUpdateConfiguration(ssl))
    assert "is updated" not in capsys.readouterr().out
    AksCompute(workspace, "myaks").update(AksUpdateConfiguration(SslConfiguration("disable")))
    assert capsys.readouterr().out.count("svc is updated: it will use HTTP.") == 1
    service.wait_for_deployment()
    assert str(service.scoring_uri).startswith("http:")
    assert service.run(json.dumps([1])) == [1]
    assert alone.record.revision == 1


@pytest.mark.usefixtures("on_local")
def test_a_domain_label_is_recorded_without_effect(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ComputeTarget.attach(workspace, "myaks", AksCompute.attach_configuration("g", "c"))
    assert isinstance(target, AksCompute)
    ssl = SslConfiguration(leaf_domain_label="contoso", overwrite_existing_domain=True)
    target.update(AksUpdateConfiguration(ssl))
    assert "leaf_domain_label is not used" in capsys.readouterr().out
    assert ComputeTarget(workspace, "myaks").serialize()["properties"]["leaf_domain_label"] == "contoso"
    with pytest.raises(ComputeTargetException, match="AksUpdateConfiguration changes nothing"):
        target.update(AksUpdateConfiguration())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "cname None is missing, and status Enabled needs it"),
        ({"status": "on"}, "status 'on' must be one of Enabled, Auto, Disabled"),
        ({"status": ""}, "status '' must be one of Enabled, Auto, Disabled"),
        ({"status": "Auto"}, "leaf_domain_label None is missing"),
        ({"status": "Disabled", "cname": "a"}, "cname 'a' excludes status Disabled"),
        ({"cname": "a", "leaf_domain_label": "b"}, "cname 'a' excludes status Auto"),
        ({"cname": "a", "cert": "c.pem", "key": "k.pem"}, "cert 'c.pem' must be the name of a PEM file"),
        ({"cname": "a", "cert": "-----BEGIN X\nsecret", "key": ""}, "Write the text to a file, readable by"),
    ],
)
def test_wrong_certificates_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ComputeTargetException, match=message) as caught:
        SslConfiguration(**arguments)
    assert "secret" not in str(caught.value)


def test_an_update_of_a_cluster_is_of_its_certificate() -> None:
    with pytest.raises(ComputeTargetException, match="must be an SslConfiguration"):
        AksUpdateConfiguration("Enabled")  # type: ignore[arg-type]


def test_a_cluster_that_cannot_be_reached_is_not_attached(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = AksCompute.attach_configuration("group", "cluster")
    for make in (
        lambda: ComputeTarget.attach(workspace, "myaks", attach),
        lambda: ComputeTarget.create(workspace, "myaks", AksCompute.provisioning_configuration()),
    ):
        with pytest.raises(ComputeTargetException, match="MLMAGIC_COMPUTE=aks=local"):
            make()
    assert ComputeTarget.list(workspace) == []
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aks=local")
    target = ComputeTarget.attach(workspace, "myaks", attach)
    assert target.serialize()["provisioningState"] == "Succeeded"
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aks=docker")
    assert target.provisioning_state == "Failed"
    with pytest.raises(ComputeTargetException, match="no Docker engine answers"):
        target.wait_for_completion()


def a_tool(folder: Path, name: str, body: str = "") -> Path:
    """A command on the PATH that writes down how it was called."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $@" >> "{folder}/calls"\n{body}\n')
    file.chmod(0o755)
    return folder / "calls"


@pytest.mark.parametrize("tool", local_clusters.TOOLS)
def test_a_new_cluster_is_created_by_a_tool_that_is_installed_and_deleted_with_it(
    tool: str,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    calls = a_tool(tmp_path / "bin", tool)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin")
    used: list[str] = []
    monkeypatch.setattr(
        "mlmagic.sdk.compute.check_usable", lambda config, targets: used.append(config.target)
    )
    configuration = AksCompute.provisioning_configuration(agent_count=3)
    target = ComputeTarget.create(workspace, "dev", configuration)
    cluster = local_clusters.cluster_of(tool, "dev")
    assert isinstance(target, AksCompute)
    assert target.target == f"kubernetes:{cluster.context}"
    assert used == [target.target]
    assert f"{tool}-dev" == cluster.context
    assert (
        f"dev is the cluster of context {tool}-dev. No effect here: agent_count." in capsys.readouterr().out
    )
    with pytest.raises(ComputeTargetException, match="'dev' exists already"):
        ComputeTarget.create(workspace, "dev", configuration)
    target.delete()
    assert ComputeTarget.list(workspace) == []
    assert calls.read_text().splitlines() == [" ".join(cluster.create), " ".join(cluster.delete)]


def test_a_cluster_that_cannot_be_created_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    configuration = AksCompute.provisioning_configuration()
    with pytest.raises(
        ComputeTargetException, match=r"none of kind, k3d, minikube is installed.*Install kind"
    ):
        ComputeTarget.create(workspace, "dev", configuration)
    a_tool(tmp_path / "bin", "k3d", "echo no space left on device\nexit 3")
    with pytest.raises(
        ComputeTargetException, match="k3d cluster create dev exited with code 3: no space left"
    ):
        ComputeTarget.create(workspace, "dev", configuration)
    assert ComputeTarget.list(workspace) == []


@pytest.mark.usefixtures("on_local")
def test_a_certificate_of_azure_is_said_not_to_be_used(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configuration = AksCompute.attach_configuration("group", "cluster")
    configuration.enable_ssl(leaf_domain_label="contoso")
    assert (configuration.leaf_domain_label, configuration.ssl_cname) == ("contoso", None)
    ComputeTarget.attach(workspace, "myaks", configuration)
    assert "leaf_domain_label is not used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "ssl_cname None is missing"),
        ({"ssl_cname": "a"}, "needs ssl_cert_pem_file, ssl_key_pem_file too"),
        (
            {"ssl_cname": "a", "ssl_cert_pem_file": "c.pem", "ssl_key_pem_file": "k.pem"},
            "ssl_cert_pem_file 'c.pem' names a file that is not there",
        ),
        ({"leaf_domain_label": "a", "ssl_cname": "b"}, "excludes leaf_domain_label"),
    ],
)
def test_wrong_ssl_settings_change_nothing(arguments: dict[str, str], message: str) -> None:
    for configuration in (
        AksCompute.provisioning_configuration(),
        AksCompute.attach_configuration("group", "cluster"),
    ):
        before = dict(configuration.given)
        with pytest.raises(ComputeTargetException, match=message):
            configuration.enable_ssl(**arguments)
        assert configuration.given == before


@pytest.mark.usefixtures("on_local")
def test_a_service_of_another_type_does_not_run_on_a_cluster(workspace: Workspace) -> None:
    target = ComputeTarget.attach(workspace, "myaks", AksCompute.attach_configuration("g", "c"))
    with pytest.raises(WebserviceException, match="'aci' is not of a cluster, and 'myaks' is one"):
        Model.deploy(workspace, "svc", [], script(), AciWebservice.deploy_configuration(), target)
    batch = ComputeTarget.create(workspace, "batch", AmlCompute.provisioning_configuration("D2"))
    with pytest.raises(WebserviceException, match="'batch', of type AmlCompute, runs no services"):
        Model.deploy(workspace, "svc", [], script(), None, batch)
