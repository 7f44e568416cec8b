"""The Kubernetes objects of a service, as the API writes them: pure functions of a `Workload`.

    Deployment              the replicas of one revision; an update changes its pod template
    Service                 the address of the service; it outlives all revisions
    Secret                  of each revision: keys, TLS certificate, and what the target remembers of it
    ConfigMap               of each revision whose files travel without an image: see `carried_files`
    HorizontalPodAutoscaler with autoscaling
    PodDisruptionBudget     with several replicas, so that an administrator who drains a node leaves some
    HTTPRoute               with a gateway; of an endpoint, the target shares requests among versions later
    InterceptorRoute,       with an idle timeout: what KEDA's HTTP add-on reads, or in its older versions an
    ScaledObject            HTTPScaledObject. KEDA makes the autoscaler

The target applies them, and `%package --kind kubernetes` writes the same ones. Pods meet the level
"restricted" of the pod security standards.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.arguments import CLUSTERS
from mlmagic.core.configuration import DEFAULT_CPU, DeploymentConfig
from mlmagic.scoring import termination
from mlmagic.targets.images.dockerfile import PORT, PYTHON, USER
from mlmagic.targets.kubernetes import carried_files, gateway_routes, idle_scaling
from mlmagic.targets.kubernetes.carried_files import CarriedFiles
from mlmagic.targets.kubernetes.gateway_routes import gateway_of
from mlmagic.targets.kubernetes.idle_scaling import AddOn, Bounds

NAME, MANAGED_BY = "app.kubernetes.io/name", "app.kubernetes.io/managed-by"
"""The labels by which the objects and pods of a service are found."""
KEY, REVISION = "mlmagic.key", "mlmagic.revision"
"""The labels of a revision: the hash of its run folder's path, and its number."""
CONTAINER = "server"
RUNS, SECRETS = "/var/mlmagic", "/var/mlmagic-secrets"
"""Folders in the container: of the run folder, and of the files of the Secret."""
KEYS_FILE, CERT_FILE, CERT_KEY_FILE = "keys.json", "certificate.pem", "key.pem"
ROUTES_FILE = "routes.json"
"""The files of the Secret that the container sees."""
MIN_READY_SECONDS = 2
"""A new pod counts as available so much later than it is ready: until every node sends it connections."""
PRE_STOP_SECONDS = 3
"""A pod that is to end serves for so long, until no node sends it new connections any more."""
SHORTEST_GRACE, LONGEST_GRACE = 10, 120
"""Seconds that a pod has to finish requests; in between, as long as run() may take."""
STARTUP_MARGIN = 30
"""Seconds that a pod may take to start besides init(), whose time the server limits itself."""
_TERMINATION_FILE = "/dev/termination-log"
AWAY_SECONDS = 30
"""A pod is replaced when its node has been away for so long; Kubernetes' own default is five minutes."""
_LONGEST_PERIOD = 1800
"""Seconds: Kubernetes allows no more."""
_AWAY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_UTILIZATION, _MOST_REPLICAS = 70, 10
"""Azure ML v1's defaults."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """One revision of a service, and how the cluster runs it."""

    name: str
    """The name of its Deployment and Service."""
    image: str
    config: DeploymentConfig
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] | None = None
    """The arguments of the server; None: those of the image."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of all objects besides `NAME` and `MANAGED_BY`: whose they are."""
    revision: Mapping[str, str] = field(default_factory=dict)
    """The labels of the pods and the Secret: which revision they are."""
    secret: str = ""
    """The name of the revision's Secret; empty without one."""
    secret_files: Sequence[str] = ()
    """The names of the files of the Secret that the server reads."""
    service_type: str = "ClusterIP"
    pull_policy: str = "IfNotPresent"
    pull_secret: str = ""
    """The name of a Secret with the credentials of the image's registry; empty without one."""
    files: CarriedFiles | None = None
    """The files that are not in the image."""
    add_on: AddOn | None = None
    """With an idle timeout: what ends the replicas and starts them; None: they always run."""
    path: str = ""
    """The path under which callers send requests; empty without one."""

    @property
    def uses_tls(self) -> bool:
        return bool(self.config.ssl_cert_pem_file and self.config.ssl_key_pem_file)

    @property
    def selector(self) -> dict[str, str]:
        """The labels of the service's pods, of every revision. A Deployment can never change them."""
        return {NAME: self.name, MANAGED_BY: "mlmagic"}

    @property
    def grace(self) -> int:
        """Seconds that the server has to finish requests."""
        return min(max(math.ceil(self.config.scoring_timeout_ms / 1000), SHORTEST_GRACE), LONGEST_GRACE)

    def metadata(self, name: str = "") -> Object:
        return {"name": name or self.name, "labels": {**self.labels, **self.selector}}


def objects_of(
    workload: Workload, *, autoscaling: str = "v2", policy: str = "v1", gateway: str = "v1"
) -> list[Object]:
    """All objects but the Secret, in the order in which they are applied.

    ``autoscaling``, ``policy`` and ``gateway`` are the versions of these APIs that the server has.
    """
    found = [service(workload), deployment(workload)]
    if autoscales(workload.config) and workload.add_on is None:
        found.append(autoscaler(workload, autoscaling))
    if most_replicas(workload.config) > 1:
        found.append(disruption_budget(workload, policy))
    if through := gateway_of(workload.config):
        backends = [gateway_routes.Backend.of(found[0])]
        metadata = workload.metadata()
        found.append(gateway_routes.http_route(metadata, through, backends, version=gateway))
    if workload.add_on is not None:
        config, port = workload.config, int(found[0]["spec"]["ports"][0]["port"])
        found += idle_scaling.objects_of(
            workload.metadata(), workload.add_on, config, bounds(config), path=workload.path, port=port
        )
    return found


def autoscales(config: DeploymentConfig) -> bool:
    """Whether it has an autoscaler: on Azure ML v1's aks by default, elsewhere where it is asked for."""
    is_cluster = config.compute_type in set(CLUSTERS)
    asked = config.compute_settings.get("autoscale_enabled") is True
    return config.autoscales and (is_cluster or asked)


def most_replicas(config: DeploymentConfig) -> int:
    """How many replicas may run."""
    if not autoscales(config):
        return config.replicas
    return int(config.compute_settings.get("autoscale_max_replicas", _MOST_REPLICAS))


def bounds(config: DeploymentConfig) -> Bounds:
    """How many replicas run of a service that idles, while it is called."""
    most = max(most_replicas(config), config.replicas)
    return Bounds(most, config.replicas if autoscales(config) else 0)


def utilization(config: DeploymentConfig) -> int:
    """The share of the requested CPU, in percent, that an autoscaler aims at."""
    return int(config.compute_settings.get("autoscale_target_utilization", _UTILIZATION))


def deployment(workload: Workload) -> Object:
    """The Deployment, which replaces pods one by one: a new one is ready before an old one ends."""
    config = workload.config
    template = {
        "metadata": {"labels": {**workload.labels, **workload.selector, **workload.revision}},
        "spec": _pod(workload),
    }
    spec = {
        "selector": {"matchLabels": workload.selector},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "minReadySeconds": MIN_READY_SECONDS,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": progress_seconds(config),
        "template": template,
    }
    if not autoscales(config) and workload.add_on is None:  # else the number is the autoscaler's, or KEDA's
        spec["replicas"] = config.replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": workload.metadata(), "spec": spec}


def progress_seconds(config: DeploymentConfig) -> int:
    """Seconds after which a new revision that is not ready counts as failed; its image is pulled in them."""
    return config.init_timeout_seconds + 10 * STARTUP_MARGIN


def service(workload: Workload) -> Object:
    """The Service: port 80 is that of the server, or 443 with TLS."""
    port = {
        "name": "http",
        "protocol": "TCP",
        "port": 443 if workload.uses_tls else 80,
        "targetPort": "http",
    }
    spec = {"type": workload.service_type, "selector": workload.selector, "ports": [port]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": workload.metadata(), "spec": spec}


def secret(workload: Workload, files: Mapping[str, bytes]) -> Object:
    """The Secret of a revision with the contents of ``files``."""
    meta = workload.metadata(workload.secret)
    meta["labels"] |= workload.revision
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": data}


def config_map(workload: Workload, files: CarriedFiles) -> Object:
    """The ConfigMap of a revision with its files."""
    meta = workload.metadata(files.name)
    meta["labels"] |= workload.revision
    return carried_files.config_map(files, meta)


def autoscaler(workload: Workload, version: str = "v2") -> Object:
    """The autoscaler: it keeps the CPU that the replicas use at a share of what they request."""
    target = utilization(workload.config)
    spec: Object = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
        "minReplicas": workload.config.replicas,
        "maxReplicas": max(most_replicas(workload.config), workload.config.replicas),
    }
    if version == "v1":
        spec["targetCPUUtilizationPercentage"] = target
    else:
        share = {"type": "Utilization", "averageUtilization": target}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": share}}]
        if seconds := workload.config.compute_settings.get("autoscale_refresh_seconds"):
            spec["behavior"] = _behavior(min(int(seconds), _LONGEST_PERIOD))
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": workload.metadata(),
        "spec": spec,
    }


def _behavior(seconds: int) -> Object:
    """Kubernetes' own rules of scaling, with another time between two changes than its 15 seconds."""
    double = {"type": "Percent", "value": 100, "periodSeconds": seconds}
    some = {"type": "Pods", "value": 4, "periodSeconds": seconds}
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [double, some]},
        "scaleDown": {"policies": [double]},
    }


def disruption_budget(workload: Workload, version: str = "v1") -> Object:
    """The budget: one pod at most is removed at a time when a node is drained."""
    return {
        "apiVersion": f"policy/{version}",
        "kind": "PodDisruptionBudget",
        "metadata": workload.metadata(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": workload.selector}},
    }


def resources(config: DeploymentConfig) -> dict[str, dict[str, str]]:
    """What a replica requests, and its limits.

    Memory always has a limit. CPU has one too, except for Azure ML v1's default of a tenth of a core: that is
    a share, which counts only while other pods need the processor.
    """
    settings = config.compute_settings
    requests = {"cpu": _cores(config.cpu), "memory": _mebibytes(config.memory_gb)}
    limits = {"memory": _mebibytes(settings.get("memory_gb_limit") or config.memory_gb)}
    cpu_limit = settings.get("cpu_cores_limit") or (config.cpu if config.cpu != DEFAULT_CPU else None)
    if cpu_limit:
        limits["cpu"] = _cores(cpu_limit)
    if gpus := int(settings.get("gpu_cores") or 0):
        limits["nvidia.com/gpu"] = str(gpus)
    return {"requests": requests, "limits": limits}


def probes(workload: Workload) -> Object:
    """The probes: for the start as long as init() may take; then for readiness and liveness.

    ``initial_delay_seconds`` counts only where it is given: liveness is probed after the start anyway.
    """
    config, settings = workload.config, workload.config.compute_settings
    action = {
        "path": "/",
        "port": "http",
        "scheme": "HTTPS" if workload.uses_tls else "HTTP",
        # The server answers to this name whatever hosts it allows.
        "httpHeaders": [{"name": "Host", "value": "localhost"}],
    }
    timeout = int(settings.get("timeout_seconds", 2))
    failures = int(settings.get("failure_threshold", 3))
    seconds = config.init_timeout_seconds + STARTUP_MARGIN
    probe = {"httpGet": action, "timeoutSeconds": timeout}
    liveness = {
        **probe,
        "periodSeconds": int(settings.get("period_seconds", 10)),
        "failureThreshold": failures,
    }
    if "initial_delay_seconds" in settings:
        liveness["initialDelaySeconds"] = int(settings["initial_delay_seconds"])
    readiness = {
        **probe,
        "periodSeconds": 1,
        "failureThreshold": failures,
        "successThreshold": int(settings.get("success_threshold", 1)),
    }
    startup = {**probe, "periodSeconds": 1, "failureThreshold": seconds}
    return {"startupProbe": startup, "readinessProbe": readiness, "livenessProbe": liveness}


def _pod(workload: Workload) -> Object:
    volumes: list[Object] = [{"name": "scratch", "emptyDir": {}}, {"name": "run", "emptyDir": {}}]
    if workload.secret_files:
        items = [{"key": name, "path": name} for name in sorted(workload.secret_files)]
        content = {"secretName": workload.secret, "items": items, "defaultMode": 0o440}
        volumes.append({"name": "secrets", "secret": content})
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {**workload.selector, **workload.revision}},
    }
    server, settings = container(workload), workload.config.compute_settings
    account = settings.get("service_account_name")
    pod: Object = {
        "automountServiceAccountToken": bool(account),
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + workload.grace + 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": AWAY_SECONDS}
            for key in _AWAY
        ],
        "containers": [server],
        "volumes": volumes,
    }
    if workload.files is not None:
        volumes += carried_files.volumes(workload.files)
        pod["initContainers"] = [carried_files.unpacker(workload.files, server)]
    if account:
        pod["serviceAccountName"] = str(account)
    if priority := settings.get("priority_class_name"):
        pod["priorityClassName"] = str(priority)
    if workload.pull_secret:
        pod["imagePullSecrets"] = [{"name": workload.pull_secret}]
    return pod


def container(workload: Workload) -> Object:
    """The container of a pod."""
    mounts: list[Object] = [
        {"name": "scratch", "mountPath": "/tmp"},
        {"name": "run", "mountPath": RUNS},
    ]
    if workload.secret_files:
        mounts.append({"name": "secrets", "mountPath": SECRETS, "readOnly": True})
    files = workload.files
    if files is not None:
        mounts += carried_files.mounts(files)
    of_image = files.variables if files is not None else {}
    variables = {termination.VARIABLE: _TERMINATION_FILE, **of_image, **workload.variables}
    made: Object = {
        "name": CONTAINER,
        "image": workload.image,
        "imagePullPolicy": workload.pull_policy,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": name, "value": str(value)} for name, value in variables.items()],
        "resources": resources(workload.config),
        **probes(workload),
        "lifecycle": {"preStop": {"exec": {"command": _pause(files.python if files else PYTHON)}}},
        "terminationMessagePath": _TERMINATION_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    if files is not None:
        made["command"] = files.command
    if workload.arguments is not None:
        made["args"] = list(workload.arguments)
    return made


def _pause(python: str) -> list[str]:
    return [python, "-S", "-E", "-c", f"import time; time.sleep({PRE_STOP_SECONDS})"]


def _cores(cpu: float) -> str:
    """The shortest quantity as the API itself writes it: 2, 500m."""
    thousandths = max(1, round(cpu * 1000))
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def _mebibytes(gigabytes: float) -> str:
    return f"{max(1, round(gigabytes * 1024))}Mi"
