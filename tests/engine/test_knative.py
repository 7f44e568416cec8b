"""What Knative and KServe get of a package: pure functions, against the schemas and Knative's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.package import PackageKind
from mlmagic.engine.packages import knative
from tests.support.pod_security import violations

PLAIN = DeploymentConfig(num_replicas=3, scoring_timeout_ms=61_500)
IDLES = replace(PLAIN, idle_timeout_seconds=600)
SCALES = DeploymentConfig(
    compute_type="aks", compute_settings={"autoscale_enabled": True, "autoscale_max_replicas": 5}
)
LIMITED = replace(PLAIN, replica_max_concurrent_requests=4)
CONFIGS = [PLAIN, IDLES, SCALES, replace(SCALES, idle_timeout_seconds=1), LIMITED]
KINDS = (PackageKind.KSERVE, PackageKind.KNATIVE)
DOMAIN = "autoscaling.knative.dev"
ALLOWED_IN_POD = {"containers", "volumes", "containerConcurrency", "timeoutSeconds", "enableServiceLinks"}
ALLOWED_IN_CONTAINER = {
    "name", "args", "command", "env", "workingDir", "envFrom", "image", "imagePullPolicy", "livenessProbe",
    "ports", "readinessProbe", "resources", "securityContext", "terminationMessagePath",
    "terminationMessagePolicy", "volumeMounts",
}  # fmt: skip
"""What Knative's webhook accepts without a feature that is off by default (its fieldmask.go)."""


def made(config: DeploymentConfig, kind: PackageKind = PackageKind.KNATIVE) -> Mapping[str, Any]:
    written: Mapping[str, Any] = yaml.safe_load(knative.written(kind, "svc", "svc:1", config))
    return written


def template(config: DeploymentConfig) -> Mapping[str, Any]:
    found: Mapping[str, Any] = made(config)["spec"]["template"]
    return found


def pod_of(config: DeploymentConfig, kind: PackageKind) -> dict[str, Any]:
    spec = made(config, kind)["spec"]
    found = spec["predictor"] if kind is PackageKind.KSERVE else spec["template"]["spec"]
    return {key: found[key] for key in ("containers", "volumes")}


@pytest.mark.together
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", CONFIGS)
def test_the_pod_is_valid_and_restricted(config: DeploymentConfig, kind: PackageKind) -> None:
    import kubernetes_validate

    pod = pod_of(config, kind)
    for version in ("1.25.0", "1.35.0"):
        meta = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "svc"}}
        kubernetes_validate.validate({**meta, "spec": pod}, version, strict=True)
    assert violations(pod) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", CONFIGS)
def test_the_container_has_what_knative_accepts(config: DeploymentConfig, kind: PackageKind) -> None:
    pod = pod_of(config, kind)
    (container,) = pod["containers"]
    assert container.keys() <= ALLOWED_IN_CONTAINER
    assert container["ports"] == [{"name": "http1", "containerPort": 5001, "protocol": "TCP"}]
    assert [each["name"] for each in container["volumeMounts"]] == [each["name"] for each in pod["volumes"]]
    assert not {each["name"] for each in container["env"]} & {"PORT", "K_SERVICE", "K_REVISION"}
    for probe in (container["readinessProbe"], container["livenessProbe"]):
        assert probe["httpGet"]["port"] == 5001
    # As long as init() may take, and the start.
    assert container["livenessProbe"]["initialDelaySeconds"] == config.init_timeout_seconds + 30
    assert template(config)["spec"].keys() <= ALLOWED_IN_POD


@pytest.mark.parametrize(
    ("config", "scale", "retention", "concurrency"),
    [
        (PLAIN, ("3", "3"), None, None),
        (IDLES, ("0", "3"), "600s", None),
        (SCALES, ("1", "5"), None, None),
        (replace(SCALES, idle_timeout_seconds=3600), ("0", "5"), "3600s", None),
        (LIMITED, ("3", "3"), None, 4),
    ],
)
def test_the_scaling_of_knative(
    config: DeploymentConfig, scale: tuple[str, str], retention: str | None, concurrency: int | None
) -> None:
    found = template(config)
    annotations, spec = found["metadata"]["annotations"], found["spec"]
    assert (annotations[f"{DOMAIN}/min-scale"], annotations[f"{DOMAIN}/max-scale"]) == scale
    assert annotations.get(knative.RETENTION) == retention
    assert spec.get("containerConcurrency") == concurrency
    # Without a limit, one request for each replica is only what the autoscaler aims at.
    assert annotations.get(f"{DOMAIN}/target") == ("1" if concurrency is None else None)
    # Knative refuses them there.
    assert "annotations" not in made(config)["metadata"]


def test_the_times_of_knative() -> None:
    found = template(PLAIN)
    assert found["spec"]["timeoutSeconds"] == 62
    deadline = PLAIN.init_timeout_seconds + 300
    assert found["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] == f"{deadline}s"


@pytest.mark.parametrize(
    ("config", "scale", "retention", "metric"),
    [
        (PLAIN, (3, 3), None, None),
        (IDLES, (0, 3), "600s", ("concurrency", 1)),
        (SCALES, (1, 5), None, ("cpu", 70)),
        # The autoscaler that measures CPU never ends the last replica.
        (replace(SCALES, idle_timeout_seconds=1), (0, 5), "1s", ("concurrency", 1)),
        (replace(LIMITED, idle_timeout_seconds=1), (0, 3), "1s", ("concurrency", 4)),
    ],
)
def test_the_scaling_of_kserve(
    config: DeploymentConfig,
    scale: tuple[int, int],
    retention: str | None,
    metric: tuple[str, int] | None,
) -> None:
    found = made(config, PackageKind.KSERVE)
    predictor = found["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == scale
    assert found["metadata"].get("annotations", {}).get(knative.RETENTION) == retention
    shown = (predictor["scaleMetric"], predictor["scaleTarget"]) if "scaleMetric" in predictor else None
    assert shown == metric
    assert predictor["containers"][0]["name"] == "kserve-container"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("auth", [True, False])
def test_keys_are_those_of_the_secret(kind: PackageKind, auth: bool) -> None:
    (container,) = pod_of(replace(PLAIN, auth_enabled=auth), kind)["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "svc-keys", "optional": not auth}}]
