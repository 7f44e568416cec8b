"""The objects of a service, against the schemas of Kubernetes 1.25 to 1.37, and what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.packages import manifests
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.kubernetes.carried_files import CarriedFiles
from mlmagic.targets.kubernetes.objects import Workload
from tests.support.pod_security import violations

KEYS = {"keys.json": b"{}", "objects.json": b"[]"}
PLAIN = DeploymentConfig("kubernetes")
SEVERAL = DeploymentConfig("kubernetes", num_replicas=3, cpu=0.5, memory_gb=1)
AKS = DeploymentConfig("kubernetes", compute_type="aks")


def workload(config: DeploymentConfig, **more: Any) -> Workload:
    values: dict[str, Any] = {
        "name": "diabetes",
        "image": "registry.example/mlmagic/diabetes:1",
        "config": config,
        "variables": {"COLOUR": "red"},
        "arguments": ["--port", "5001"],
        "labels": {"mlmagic.workspace": "w"},
        "revision": {"mlmagic.key": "0123456789ab", "mlmagic.revision": "1"},
        "secret": "diabetes-0123456789ab",
        "secret_files": ("keys.json",),
        "pull_secret": "registry",
    }
    return Workload(**{**values, **more})


def with_settings(config: DeploymentConfig, **settings: Any) -> DeploymentConfig:
    return replace(config, compute_settings=settings)


NAMED = with_settings(PLAIN, service_account_name="reader", priority_class_name="serving")


@pytest.mark.together
@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(25, 38)])
@pytest.mark.parametrize(
    "config", [PLAIN, SEVERAL, AKS, with_settings(AKS, gpu_cores=1, autoscale_refresh_seconds=30), NAMED]
)
def test_every_object_is_valid_in_every_version(version: str, config: DeploymentConfig) -> None:
    import kubernetes_validate

    files = CarriedFiles("diabetes-0123456789ab", b"archive", ("azureml-app", "server"))
    made = workload(config)
    wanted = [*objects.objects_of(made), objects.secret(made, KEYS), objects.config_map(made, files)]
    for each in [*wanted, objects.deployment(workload(config, files=files))]:
        kubernetes_validate.validate(each, f"{version}.0", strict=True)


def test_a_service_account_and_a_priority_class_are_those_of_its_pods() -> None:
    pod, plain = pod_of(NAMED), pod_of(PLAIN)
    assert (pod["serviceAccountName"], pod["priorityClassName"]) == ("reader", "serving")
    assert pod["automountServiceAccountToken"] is True
    assert plain["automountServiceAccountToken"] is False
    assert not {"serviceAccountName", "priorityClassName"} & set(plain)


def pod_of(config: DeploymentConfig, **more: Any) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = objects.deployment(workload(config, **more))["spec"]["template"]["spec"]
    return pod


def container_of(config: DeploymentConfig, **more: Any) -> Mapping[str, Any]:
    (container,) = pod_of(config, **more)["containers"]
    return container  # type: ignore[no-any-return]


@pytest.mark.parametrize("config", [PLAIN, SEVERAL, AKS, NAMED])
def test_pods_meet_the_level_restricted(config: DeploymentConfig) -> None:
    files = CarriedFiles("diabetes-0123456789ab", b"archive", ("azureml-app", "server"))
    assert violations(pod_of(config)) == []
    assert violations(pod_of(config, files=files)) == []
    # And more: nothing is written to the root, and the cluster's API has no token.
    assert container_of(config)["securityContext"]["readOnlyRootFilesystem"]
    assert pod_of(config)["automountServiceAccountToken"] is (config is NAMED)


@pytest.mark.parametrize(
    ("config", "requests", "limits"),
    [
        # Azure ML v1's tenth of a core is a share, as in a container; other numbers are limits.
        (PLAIN, {"cpu": "100m", "memory": "512Mi"}, {"memory": "512Mi"}),
        (SEVERAL, {"cpu": "500m", "memory": "1024Mi"}, {"cpu": "500m", "memory": "1024Mi"}),
        (replace(PLAIN, cpu=2), {"cpu": "2", "memory": "512Mi"}, {"cpu": "2", "memory": "512Mi"}),
        (
            with_settings(PLAIN, cpu_cores_limit=1.5, memory_gb_limit=2, gpu_cores=2),
            {"cpu": "100m", "memory": "512Mi"},
            {"cpu": "1500m", "memory": "2048Mi", "nvidia.com/gpu": "2"},
        ),
    ],
)
def test_requests_and_limits(
    config: DeploymentConfig, requests: Mapping[str, str], limits: Mapping[str, str]
) -> None:
    assert objects.resources(config) == {"requests": requests, "limits": limits}


def test_probes_follow_the_arguments_and_a_cold_model_has_its_time() -> None:
    given = with_settings(
        replace(PLAIN, init_timeout_seconds=900),
        period_seconds=20,
        initial_delay_seconds=40,
        timeout_seconds=5,
        success_threshold=2,
        failure_threshold=4,
    )
    container = container_of(given)
    liveness, readiness = container["livenessProbe"], container["readinessProbe"]
    assert (liveness["periodSeconds"], liveness["initialDelaySeconds"]) == (20, 40)
    assert (liveness["timeoutSeconds"], liveness["failureThreshold"]) == (5, 4)
    assert "successThreshold" not in liveness  # which must be 1 there
    assert (readiness["successThreshold"], readiness["failureThreshold"]) == (2, 4)
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > 900
    assert "initialDelaySeconds" not in container_of(PLAIN)["livenessProbe"]


def test_probes_use_tls_where_the_service_does() -> None:
    config = replace(PLAIN, ssl_cert_pem_file="c.pem", ssl_key_pem_file="k.pem")
    assert container_of(config)["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert objects.service(workload(config))["spec"]["ports"][0]["port"] == 443


def test_an_update_is_ready_before_it_replaces_and_ends_when_no_request_comes() -> None:
    spec = objects.deployment(workload(SEVERAL))["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = spec["template"]["spec"]
    assert "sleep(3)" in pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert pod["terminationGracePeriodSeconds"] > objects.PRE_STOP_SECONDS + 60  # the longest run()


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (PLAIN, ["Service", "Deployment"]),
        (SEVERAL, ["Service", "Deployment", "PodDisruptionBudget"]),
        (AKS, ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"]),
        (replace(AKS, num_replicas=1), ["Service", "Deployment"]),
        (with_settings(AKS, autoscale_enabled=False), ["Service", "Deployment"]),
        (
            with_settings(PLAIN, autoscale_enabled=True),
            ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"],
        ),
    ],
)
def test_which_objects_a_configuration_has(config: DeploymentConfig, kinds: list[str]) -> None:
    assert [each["kind"] for each in objects.objects_of(workload(config))] == kinds


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_autoscaler_has_the_arguments_and_the_deployment_no_number(version: str) -> None:
    config = with_settings(
        AKS, autoscale_min_replicas=2, autoscale_max_replicas=6, autoscale_target_utilization=50
    )
    spec = objects.autoscaler(workload(config), version)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert "50" in json.dumps(spec)
    assert "replicas" not in objects.deployment(workload(config))["spec"]


@pytest.mark.parametrize(("given", "seconds"), [(None, None), (30, 30), (7200, 1800)])
def test_the_autoscaler_changes_the_number_no_more_often_than_is_wanted(
    given: int | None, seconds: int | None
) -> None:
    config = AKS if given is None else with_settings(AKS, autoscale_refresh_seconds=given)
    rules = objects.autoscaler(workload(config))["spec"].get("behavior", {})
    periods = {each["periodSeconds"] for way in rules.values() for each in way["policies"]}
    assert periods == ({seconds} if seconds else set())
    assert "behavior" not in objects.autoscaler(workload(config), "v1")["spec"]


def test_the_container_sees_its_files_and_not_the_record() -> None:
    (secrets,) = [each["secret"] for each in pod_of(PLAIN)["volumes"] if "secret" in each]
    assert [item["key"] for item in secrets["items"]] == ["keys.json"]
    assert [each for each in pod_of(PLAIN, secret_files=())["volumes"] if "secret" in each] == []


def test_a_package_has_the_same_deployment_and_service() -> None:
    written = manifests.kubernetes("diabetes", "registry.example/diabetes:1", SEVERAL)
    assert yaml.safe_load(written["kustomization.yaml"])["resources"] == [
        "service.yaml",
        "deployment.yaml",
        "poddisruptionbudget.yaml",
    ]
    read = {file: yaml.safe_load(text) for file, text in written.items() if file != "kustomization.yaml"}
    packaged = workload(
        SEVERAL,
        image="registry.example/diabetes:1",
        variables={},
        arguments=None,
        labels={},
        revision={},
        secret="",
        secret_files=(),
        pull_secret="",
    )
    for each in read.values():
        kinds = {one["kind"]: one for one in objects.objects_of(packaged)}
        if each["kind"] != "Deployment":
            assert each == kinds[each["kind"]]
    ours = objects.deployment(packaged)["spec"]["template"]["spec"]["containers"][0]
    theirs = read["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0]
    assert theirs.pop("envFrom") == [{"secretRef": {"name": "diabetes-keys", "optional": True}}]
    assert {**theirs, "env": []} == {**ours, "env": []}


def test_files_of_a_package_have_no_more_than_kustomize_reads(tmp_path: Path) -> None:
    written = manifests.kubernetes("diabetes", "diabetes:1", AKS)
    assert set(written) == {
        "kustomization.yaml",
        "service.yaml",
        "deployment.yaml",
        "horizontalpodautoscaler.yaml",
        "poddisruptionbudget.yaml",
    }
