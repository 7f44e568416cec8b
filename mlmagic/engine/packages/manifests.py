"""Deployment manifests of a package folder, for IoT Edge and for Kubernetes (``kubectl apply -k``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.targets.images.dockerfile import PORT

IOT_FILE = "deployment.json"
KUBERNETES_FOLDER = "kubernetes"


def iot_edge(name: str, image: str, config: DeploymentConfig) -> str:
    """An IoT Edge deployment of one module with input ``amlInput`` and output ``amlOutput``.

    Source: the Azure ML guide for IoT Edge, and schema 1.1 of IoT Edge's deployment manifests.
    """
    memory = round(config.memory_gb * (1 << 30))
    create = {
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "HostConfig": {
            "NanoCpus": round(config.cpu * 1e9),
            "Memory": memory,
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": ""},
        },
    }
    module = {
        "version": "1.0",
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "settings": {"image": image, "createOptions": json.dumps(create)},
        "env": {key: {"value": value} for key, value in config.environment_variables.items()},
    }
    agent = {
        "schemaVersion": "1.1",
        "runtime": {"type": "docker", "settings": {"minDockerVersion": "v1.25", "registryCredentials": {}}},
        "systemModules": {
            "edgeAgent": {
                "type": "docker",
                "settings": {"image": "mcr.microsoft.com/azureiotedge-agent:1.4", "createOptions": "{}"},
            },
            "edgeHub": {
                "type": "docker",
                "status": "running",
                "restartPolicy": "always",
                "settings": {"image": "mcr.microsoft.com/azureiotedge-hub:1.4", "createOptions": "{}"},
            },
        },
        "modules": {name: module},
    }
    module_path = f"/modules/{name}"
    hub = {
        "schemaVersion": "1.1",
        "routes": {
            "deviceToModule": (
                "FROM /messages/* WHERE NOT IS_DEFINED($connectionModuleId) "
                f'INTO BrokeredEndpoint("{module_path}/inputs/amlInput")'
            ),
            "moduleToHub": f"FROM {module_path}/outputs/amlOutput INTO $upstream",
        },
        "storeAndForwardConfiguration": {"timeToLiveSecs": 7200},
    }
    content = {
        "$edgeAgent": {"properties.desired": agent},
        "$edgeHub": {"properties.desired": hub},
    }
    return json.dumps({"modulesContent": content}, indent=2) + "\n"


def kubernetes(name: str, image: str, config: DeploymentConfig) -> dict[str, str]:
    """The Kubernetes manifests: file names and contents, ``kustomization.yaml`` included."""
    import yaml

    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "mlmagic"}
    size = {"cpu": f"{config.cpu:g}", "memory": f"{round(config.memory_gb * 1024)}Mi"}
    settings = config.compute_settings
    probe = {"httpGet": {"path": "/", "port": "http"}}
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "containerPort": PORT}],
        "env": [{"name": key, "value": value} for key, value in config.environment_variables.items()],
        "resources": {"requests": dict(size), "limits": dict(size)},
        "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {
            **probe,
            "periodSeconds": settings.get("period_seconds", 10),
            "timeoutSeconds": settings.get("timeout_seconds", 2),
            "failureThreshold": settings.get("failure_threshold", 3),
        },
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": settings.get("num_replicas", 1),
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [container],
                    "volumes": [{"name": "scratch", "emptyDir": {}}],
                },
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }
    made: Mapping[str, Any] = {
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["deployment.yaml", "service.yaml"],
        },
        "deployment.yaml": deployment,
        "service.yaml": service,
    }
    return {file: yaml.safe_dump(content, sort_keys=False) for file, content in made.items()}
