"""What Knative runs of a package: a Service of its own, or an InferenceService where KServe is installed too.

Source: the APIs ``serving.knative.dev/v1`` and ``serving.kserve.io/v1beta1``, and the checks that Knative's
webhook makes (pkg/apis of knative/serving). A volume at /tmp needs Knative 1.13.
"""

from __future__ import annotations

import math
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.package import PackageKind
from mlmagic.engine.packages import manifests
from mlmagic.errors import InvalidConfig
from mlmagic.targets.images.dockerfile import PORT, USER
from mlmagic.targets.kubernetes import idle_scaling, objects
from mlmagic.targets.server_variables import variables_of

FILES = {PackageKind.KSERVE: "kserve.yaml", PackageKind.KNATIVE: "knative.yaml"}
"""The file of each kind of package that Knative runs."""
LONGEST_IDLE_SECONDS = 3600
"""Knative refuses a longer time."""
_SCALING, _SERVING = "autoscaling.knative.dev", "serving.knative.dev"
RETENTION = f"{_SCALING}/scale-to-zero-pod-retention-period"
_TAKEN = ("image", "imagePullPolicy", "env", "resources")
"""What Knative takes of a container as it is; a lifecycle it refuses."""

Object = dict[str, Any]


def check_idle_timeout(kind: PackageKind, config: DeploymentConfig) -> None:
    """Raises `InvalidConfig` for an idle timeout that Knative does not accept."""
    seconds = config.idle_timeout_seconds
    if seconds is not None and seconds > LONGEST_IDLE_SECONDS:
        raise InvalidConfig(
            "idle_timeout_seconds",
            seconds,
            f"cannot be above {LONGEST_IDLE_SECONDS} in a package of the kind {kind}: Knative refuses it",
            hint="Give a shorter time, or leave it out.",
        )


def written(kind: PackageKind, name: str, image: str, config: DeploymentConfig) -> str:
    """The object of a package of this kind, as YAML."""
    workload = objects.Workload(name, image, config, variables_of(config, SERVICE_NAME=name))
    made = inference_service(workload) if kind is PackageKind.KSERVE else service(workload)
    return manifests.written(made)


def service(workload: objects.Workload) -> Object:
    """The Service of Knative, which moves requests to a new revision when that is ready."""
    config = workload.config
    least, most = _bounds(config)
    annotations = {
        f"{_SCALING}/min-scale": str(least),
        f"{_SCALING}/max-scale": str(most),
        f"{_SERVING}/progress-deadline": f"{objects.progress_seconds(config)}s",
        **_retention(config),
    }
    limit = config.replica_max_concurrent_requests
    if limit is None:
        # Requests beyond it start another replica, and are not held back: an async run() has no limit.
        annotations[f"{_SCALING}/target"] = str(idle_scaling.concurrency(config))
    spec: Object = {
        **({} if limit is None else {"containerConcurrency": limit}),
        "timeoutSeconds": _timeout(config),
        "enableServiceLinks": False,
        "containers": [_container(workload, objects.CONTAINER)],
        "volumes": _volumes(),
    }
    labels = workload.metadata()["labels"]
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}
    return {
        "apiVersion": f"{_SERVING}/v1",
        "kind": "Service",
        "metadata": workload.metadata(),
        "spec": {"template": template},
    }


def inference_service(workload: objects.Workload) -> Object:
    """The InferenceService of KServe, over an image that speaks the Open Inference Protocol (V2).

    KServe's own router and autoscaler take the place of the Service and the HorizontalPodAutoscaler.
    """
    config = workload.config
    least, most = _bounds(config)
    predictor: Object = {
        "minReplicas": least,
        "maxReplicas": most,
        "timeout": _timeout(config),
        "containers": [_container(workload, "kserve-container")],
        "volumes": _volumes(),
    }
    metadata = workload.metadata()
    if idle_scaling.idles(config):
        # Not by CPU: the autoscaler that measures it never ends the last replica.
        predictor |= {"scaleMetric": "concurrency", "scaleTarget": idle_scaling.concurrency(config)}
        metadata["annotations"] = _retention(config)  # KServe passes them on to Knative
    elif objects.autoscales(config):
        predictor |= {"scaleMetric": "cpu", "scaleTarget": objects.utilization(config)}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": predictor},
    }


def _bounds(config: DeploymentConfig) -> tuple[int, int]:
    """The fewest and the most replicas."""
    least = 0 if idle_scaling.idles(config) else config.replicas
    return least, max(objects.most_replicas(config), config.replicas)


def _retention(config: DeploymentConfig) -> dict[str, str]:
    """The annotation for an idle timeout: how long the last replica stays, at least."""
    return {RETENTION: f"{config.idle_timeout_seconds}s"} if idle_scaling.idles(config) else {}


def _timeout(config: DeploymentConfig) -> int:
    return math.ceil(config.scoring_timeout_ms / 1000)


def _volumes() -> list[Object]:
    return [{"name": "scratch", "emptyDir": {}}]


def _container(workload: objects.Workload, name: str) -> Object:
    """The container; Knative has no settings for the pod, so those of its security stand here."""
    made = objects.container(workload)
    context = {"runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "name": name,
        **{key: made[key] for key in _TAKEN},
        **_probes(workload),
        "securityContext": {**made["securityContext"], **context},
        **manifests.keys(workload.name, workload.config),
        "ports": [{"name": "http1", "containerPort": PORT, "protocol": "TCP"}],
        "volumeMounts": [mount for mount in made["volumeMounts"] if mount["name"] == "scratch"],
    }


def _probes(workload: objects.Workload) -> Object:
    """Readiness and liveness; older versions have no startup probe, so liveness waits for init()."""
    made = objects.probes(workload)
    found = {name: made[name] for name in ("readinessProbe", "livenessProbe")}
    for name, probe in found.items():
        found[name] = {**probe, "httpGet": {**probe["httpGet"], "port": PORT}}
    startup = made["startupProbe"]["failureThreshold"] * made["startupProbe"]["periodSeconds"]
    found["livenessProbe"].setdefault("initialDelaySeconds", startup)
    return found
