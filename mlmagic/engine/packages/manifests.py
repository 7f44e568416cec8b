"""Deployment manifests of a package folder, for IoT Edge and for Kubernetes (``kubectl apply -k``)."""

from __future__ import annotations

import json
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.scoring import authentication
from mlmagic.targets.images.dockerfile import PORT
from mlmagic.targets.kubernetes import objects
from mlmagic.targets.server_variables import variables_of

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
    """The Kubernetes manifests: file names and contents, ``kustomization.yaml`` included.

    They are the objects that the target kubernetes applies, with the arguments that are in the image, and
    with the keys of the Secret `secret_of` where there is one.
    """
    variables = variables_of(config, SERVICE_NAME=name)
    workload = objects.Workload(name, image, config, variables)
    found = objects.objects_of(workload)
    for each in found:
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            container |= keys(name, config)
    made = {f"{each['kind'].lower()}.yaml": each for each in found}
    repository, _, label = image.rpartition(":")
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(made),
        "images": [{"name": repository, "newName": repository, "newTag": label}],
    }
    files = {"kustomization.yaml": kustomization, **made}
    return {file: written(content) for file, content in files.items()}


def secret_of(name: str) -> str:
    """The name of the Secret with the keys of a service."""
    return f"{name}-keys"


def access(name: str, config: DeploymentConfig) -> str:
    """The item of a README that says how callers need keys, and the name of an image in a registry."""
    primary, secondary, _ = authentication.VARIABLES.values()
    without = "No pod starts without it" if config.auth_enabled else "Without it, everybody may call"
    return (
        f"* The keys of callers are in the Secret `{secret_of(name)}`. {without}:\n\n"
        f"      kubectl create secret generic {secret_of(name)} \\\n"
        f"        --from-literal={primary}=$(openssl rand -hex 16) \\\n"
        f"        --from-literal={secondary}=$(openssl rand -hex 16)\n\n"
        '  A request then has one of them: `-H "Authorization: Bearer KEY"`\n'
    )


def written(content: Any) -> str:
    """An object as YAML, without anchors: people edit it, and not each tool reads them."""
    import yaml

    # Values that are one object here are written twice then, in place of an anchor.
    return str(yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False))


def keys(name: str, config: DeploymentConfig) -> dict[str, Any]:
    """The keys of a Secret as variables, which the server removes before the script can read them."""
    reference = {"name": secret_of(name), "optional": not config.auth_enabled}
    return {"envFrom": [{"secretRef": reference}]}
