"""The target ``kubernetes``: each service is a Deployment of a cluster, behind a Service that outlives it.

Images are built by this machine's Docker engine and sent to the nodes: see `delivery`. An update changes the
Deployment in place: Kubernetes replaces the pods one by one, so the address stays and no request is lost.
Kubernetes also ends and restarts pods that hang.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import mlmagic.scoring.recorder as recorder
from mlmagic.core import advice
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.log_lines import TimedLine
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import Advice, InvalidConfig, LaunchFailed, TargetUnavailable
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.docker import settings
from mlmagic.targets.docker.engine import Engine, engine_errors
from mlmagic.targets.docker.image import service_name
from mlmagic.targets.images.build_plan import BuildPlan, build_plan
from mlmagic.targets.installed_packages import LIST_PACKAGES, by_package_name
from mlmagic.targets.kubernetes import (
    address,
    carried_files,
    commands,
    connection,
    delivery,
    gateway_routes,
    gateways,
    idle_scaling,
    interceptors,
    logs,
    observation,
    usage,
    workloads,
)
from mlmagic.targets.kubernetes import pods as pod_facts
from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import Address
from mlmagic.targets.kubernetes.delivery import Delivery
from mlmagic.targets.kubernetes.gateways import Gateways
from mlmagic.targets.kubernetes.interceptors import Interceptors
from mlmagic.targets.kubernetes.objects import KEYS_FILE, ROUTES_FILE, SECRETS
from mlmagic.targets.kubernetes.observation import Seen, revision_key
from mlmagic.targets.kubernetes.releases import Release
from mlmagic.targets.kubernetes.snapshots import Snapshot, Snapshots
from mlmagic.targets.revision_labels import key_of, labels_of
from mlmagic.targets.validation import check_allowed_hosts, check_certificate

_READ = "import os, sys; p = sys.argv[1]; os.path.exists(p) and sys.stdout.buffer.write(open(p, 'rb').read())"
"""A program that prints a file; nothing without one."""
COPIED_SECONDS = 15.0
"""A node copies a changed Secret within about a second; longer than this nobody waits for it."""
_PAUSE_SECONDS = 0.2
NODES_SECONDS = 10.0
"""Nodes seldom change: for so long they are not listed again."""
_MOST_EXPLAINED = 2
"""So many pods that do not run are explained with their events."""


@dataclass(frozen=True, slots=True)
class KubernetesHandle:
    """A revision of a service, and the cluster and namespace it runs in."""

    kubeconfig: str
    context: str
    namespace: str
    name: str
    """The name of its Deployment."""
    key: str
    """The label of its pods."""
    owner: Mapping[str, str] = field(default_factory=dict)
    """The labels that say whose its objects are."""
    tls: bool = False
    gateway: str = ""
    """The Gateway that sends it requests, as [NAMESPACE/]NAME; empty without one."""
    needs_router: bool = False
    """Of an endpoint: whether all requests have to pass its router."""
    idles: bool = False
    """Whether KEDA ends its replicas while nobody calls: its address is that of KEDA's interceptor."""

    @property
    def address(self) -> Address:
        return Address(self.kubeconfig, self.context, self.namespace)


class KubernetesTarget(ComputeTarget[KubernetesHandle]):
    """Runs each service as a Deployment of the current context's cluster."""

    name: ClassVar[str] = connection.TARGET
    handle_type = KubernetesHandle
    capabilities: ClassVar[Capabilities] = Capabilities(
        has_contexts=True,
        builds_images=True,
        scales=True,
        pauses=True,
        autoscales=True,
        idles=True,
        restarts=True,
        delivers_keys=True,
        routes=True,
        delivers_routes=True,
        measures=True,
        records_traffic=True,
        lists_packages=True,
        times_logs=True,
    )

    def __init__(self, context: str = "") -> None:
        """``context`` is the name of a context; empty: the current one."""
        self._context = context
        self._sent: set[tuple[str, str]] = set()
        """The images that this process has sent to the nodes, with the context."""
        self._snapshots = Snapshots()
        self._usage = usage.Readings()
        self._gateways = Gateways()
        self._interceptors = Interceptors()
        self._nodes: dict[Address, tuple[float, list[Object]]] = {}

    def check(self) -> None:
        where = self._current()
        way = delivery.route(os.environ, where.context)
        Api.at(where).call("GET", "version")
        if not way.serving_image:
            Engine.current()

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        check_certificate(config)
        check_allowed_hosts(config)
        if config.port is not None:
            raise InvalidConfig("port", config.port, "cannot be chosen in a cluster", hint="Leave it out.")
        if not (config.guarded or config.without_auth):
            raise InvalidConfig(
                "auth_enabled",
                False,
                "must be given in a cluster: everyone who reaches its nodes could call the service",
                hint=Advice(
                    "Require keys with: {on}. Allow everyone with: {off}",
                    on=advice.argument("auth_enabled", True),
                    off=advice.argument("auth_enabled", False),
                ),
            )
        where = self._current()
        namespace = _namespace(config, where)
        self._check_namespace(Api.at(where), namespace)
        kind = address.service_type(os.environ.get(address.VARIABLE), is_inside=where.is_inside)
        interceptors.check(Api.at(where), config, service_type=kind)
        gateways.check(Api.at(where), namespace, config)

    def _check_namespace(self, api: Api, namespace: str) -> None:
        with contextlib.suppress(Refused):  # a user who may not read namespaces may still have one
            found = api.get("Namespace", "", namespace)
            if found is None:
                raise InvalidConfig(
                    "namespace",
                    namespace,
                    f"does not exist in context {api.address.context!r}",
                    hint=f"Create it with: kubectl create namespace {namespace}",
                )

    # -- images ---------------------------------------------------------------------------------------

    def missing_image(self, spec: ServiceSpec) -> str | None:
        where = self._current()
        if self._runs(spec, where):
            return None
        if serving_image := delivery.route(os.environ, where.context).serving_image:
            plan = build_plan(spec)
            carried_files.image_of(plan, serving_image)
            carried_files.carried(plan, spec.name)
            return None
        with engine_errors():
            plan = build_plan(spec)
            image = _image_name(spec, plan)
            has = Engine.current().images.has(image)
        return None if has and (image, where.context) in self._sent else image

    def build_image(self, spec: ServiceSpec, report: Report, cancelled: threading.Event) -> None:
        where = self._current()
        way = delivery.route(os.environ, where.context)
        with engine_errors():
            plan = build_plan(spec)
            image = _image_name(spec, plan)
            engine = Engine.current()
            if cancelled.is_set() or not engine.images.has(image):
                start = plan.start(labels=labels_of(spec))
                engine.images.build(plan, image, report, cancelled, start=start)
                self._sent.discard((image, where.context))
            self._send(engine, image, where, way, report)

    def _send(self, engine: Engine, image: str, where: Address, way: Delivery, report: Report) -> None:
        if (image, where.context) not in self._sent:
            way.send(engine.images, image, engine.address.host, report)
            self._sent.add((image, where.context))

    # -- services -------------------------------------------------------------------------------------

    def launch(self, spec: ServiceSpec, report: Report) -> KubernetesHandle:
        where = self._current()
        handle = self._handle(spec, where)
        _, release = self._release(handle)
        if self._runs(spec, where) and release.service() is not None:
            return handle
        way = delivery.route(os.environ, where.context)
        if self.missing_image(spec) is not None:
            self.build_image(spec, report, threading.Event())
        plan = build_plan(spec)
        kind = address.service_type(os.environ.get(address.VARIABLE), is_inside=where.is_inside)
        image = "" if way.serving_image else _image_name(spec, plan)
        workload = workloads.workload_of(
            spec,
            plan,
            image,
            way,
            service_type=kind,
            namespace=handle.namespace,
            add_on=interceptors.add_on_of(Api.at(where)) if handle.idles else None,
        )
        with self._changing(handle):
            release.apply(workload, workloads.secret_files(spec))
        report(f"applied Deployment {handle.name} in namespace {handle.namespace}")
        return handle

    def find(self, spec: ServiceSpec) -> KubernetesHandle | None:
        """Also what an interrupted launch has left, so that it can be stopped."""
        where = self._current()
        handle = self._handle(spec, where)
        _, release = self._release(handle)
        return handle if self._runs(spec, where) or release.has_secret(handle.key) else None

    def observe(self, handle: KubernetesHandle) -> Observation:
        try:
            return self._observe(handle)
        except (TargetUnavailable, LaunchFailed) as error:
            return Observation(Phase.UNKNOWN, words=error.message)

    def _observe(self, handle: KubernetesHandle) -> Observation:
        api = Api.at(handle.address)
        there = self._snapshots.of(api, handle.namespace, _more_kinds(handle))
        deployment = there.deployment(handle.name, handle.owner)
        if deployment is None:
            return observation.observe(Seen(None), handle.key, None)
        pods = there.pods_of(handle.name, handle.owner)
        troubled = [
            pod
            for pod in pods
            if pod_facts.key_of(pod) == handle.key and not pod_facts.is_ready(pod) and not pod_facts.runs(pod)
        ]
        events = {pod_facts.name_of(pod): _events(api, pod) for pod in troubled[:_MOST_EXPLAINED]}
        nodes = self._nodes_of(api)
        room = observation.largest(nodes) if any(map(pod_facts.unschedulable, pods)) else ""
        scheme = "https" if handle.tls else "http"
        own = address.url_of(there.service(handle.name, handle.owner), nodes, scheme, host=api.host)
        away = frozenset(pod_facts.name_of(node) for node in nodes if not address.is_ready(node))
        now = Seen(deployment, pods, events, room, away, handle.idles, _trouble(handle, there))
        url = self._url_of_interceptor(api, handle, nodes) if handle.idles else own
        seen = observation.observe(now, handle.key, url)
        if handle.idles and not seen.ended:
            # A request at the interceptor starts a replica, and keeps it from being ended.
            return replace(seen, url=url, probe_url=own)
        if handle.gateway and seen.phase is Phase.RUNNING and revision_key(deployment) == handle.key:
            return replace(seen, words=f"{seen.words}; {self._words_of_gateway(api, handle, there)}")
        return seen

    def _url_of_interceptor(self, api: Api, handle: KubernetesHandle, nodes: Sequence[Object]) -> str | None:
        """Where callers reach a service with an idle timeout; None if there is no interceptor."""
        with contextlib.suppress(Refused):
            url = address.url_of(self._interceptors.get(api), nodes, "http", host=api.host)
            return url and url + idle_scaling.path_of(handle.namespace, handle.name)
        return None

    def _words_of_gateway(self, api: Api, handle: KubernetesHandle, there: Snapshot) -> str:
        with contextlib.suppress(Refused):
            gateway = self._gateways.get(api, handle.namespace, handle.gateway)
            if gateway_routes.HTTP_ROUTE in there.others:
                route = there.other(gateway_routes.HTTP_ROUTE, handle.name, handle.owner)
                return gateway_routes.words_of(route, gateway, handle.gateway)
        return f"behind Gateway {handle.gateway}"  # this user may not read one of them

    def stop(self, handle: KubernetesHandle, *, grace: float = 10.0) -> None:
        self._remove(handle, grace, keep_address=False)
        # The image has been sent: this machine's Docker engine, which may be away by now, need not keep it.
        with contextlib.suppress(TargetUnavailable, LaunchFailed), engine_errors():
            Engine.current().images.remove(handle.key)

    def halt(self, handle: KubernetesHandle, *, grace: float = 10.0) -> None:
        """Stop the service, but keep its address and its image."""
        self._remove(handle, grace, keep_address=True)

    def _remove(self, handle: KubernetesHandle, grace: float, *, keep_address: bool) -> None:
        with self._changing(handle):
            self._release(handle)[1].remove(handle.key, grace=grace, keep_address=keep_address)

    def logs(self, handle: KubernetesHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        return (line.text for line in self.timed_logs(handle, tail=tail, follow=follow))

    def timed_logs(
        self, handle: KubernetesHandle, *, tail: int = 200, follow: bool = False
    ) -> Iterator[TimedLine]:
        api, release = self._release(handle)
        if not follow:
            yield from logs.last_lines(api, handle.namespace, release.pods(handle.key), tail)
            return
        yield from logs.followed(api, handle.namespace, tail, lambda: release.pods(handle.key))

    def scale(self, handle: KubernetesHandle, replicas: int) -> None:
        with self._changing(handle):
            self._release(handle)[1].scale(handle.key, replicas)

    def pause(self, handle: KubernetesHandle) -> None:
        with self._changing(handle):
            self._release(handle)[1].hold(handle.key, paused=True)

    def resume(self, handle: KubernetesHandle) -> None:
        with self._changing(handle):
            self._release(handle)[1].hold(handle.key, paused=False)

    def deliver_keys(self, handle: KubernetesHandle, keys_file: str) -> None:
        """Write the keys into the Secret, and wait until the nodes have copied them into the replicas."""
        _, release = self._release(handle)
        content = Path(keys_file).read_bytes()
        release.write_secret(handle.key, {KEYS_FILE: content})
        deadline = time.monotonic() + COPIED_SECONDS
        # A user who may not run commands there has the new keys a moment later.
        with contextlib.suppress(LaunchFailed, TargetUnavailable):
            while time.monotonic() < deadline:
                if all(each == content for each in self._in_each(handle, _READ, f"{SECRETS}/{KEYS_FILE}")):
                    return
                time.sleep(_PAUSE_SECONDS)

    def deliver_routes(self, handle: KubernetesHandle, routes_file: str) -> None:
        api, release = self._release(handle)
        routes = Path(routes_file).read_bytes()
        release.write_secret(handle.key, {ROUTES_FILE: routes})
        if not handle.gateway:
            return
        workspace = {workloads.WORKSPACE: handle.owner[workloads.WORKSPACE]}
        services = self._snapshots.of(api, handle.namespace).services_of(workspace)
        backends = gateway_routes.backends_of(
            json.loads(routes), services, handle.name, needs_router=handle.needs_router
        )
        if backends:
            with self._changing(handle):
                release.route(handle.key, handle.gateway, backends)

    def network_of(self, handle: KubernetesHandle | None) -> str:
        """The context of its cluster; empty inside a pod."""
        return self._current().context if handle is None else handle.context

    def usage(self, handle: KubernetesHandle) -> Usage:
        """The sum over all replicas."""

        def read() -> Usage:
            return usage.total(map(usage.usage_of, self._in_each(handle, usage.PROGRAM, flags=("-I", "-S"))))

        return self._usage.of(handle.key, read)

    def limited_by(self, config: DeploymentConfig) -> str:
        return "Kubernetes"

    def traffic(self, handle: KubernetesHandle) -> Sequence[bytes]:
        return [
            content
            for name in (recorder.OLD, recorder.NEW)
            for content in self._in_each(handle, _READ, f"{workloads.RUN}/{name}")
            if content
        ]

    def packages(self, handle: KubernetesHandle) -> Mapping[str, str]:
        found = self._in_each(handle, LIST_PACKAGES, most=1)
        return by_package_name(json.loads(found[0])) if found else {}

    # -- inside ---------------------------------------------------------------------------------------

    def _current(self) -> Address:
        return connection.current(context=self._context)

    def _handle(self, spec: ServiceSpec, where: Address) -> KubernetesHandle:
        return KubernetesHandle(
            where.kubeconfig,
            where.context,
            _namespace(spec.config, where),
            workloads.object_name(spec),
            key_of(spec.run_dir),
            workloads.owner_labels(spec),
            settings.uses_tls(spec.config),
            gateway_routes.gateway_of(spec.config),
            gateway_routes.needs_router(spec.config),
            idle_scaling.idles(spec.config),
        )

    def _release(self, handle: KubernetesHandle) -> tuple[Api, Release]:
        api = Api.at(handle.address)
        return api, Release(api, handle.namespace, handle.name, handle.owner)

    def _in_each(
        self,
        handle: KubernetesHandle,
        program: str,
        *arguments: str,
        most: int | None = None,
        flags: Sequence[str] = ("-I",),
    ) -> list[bytes]:
        """What a Python program prints in each replica that is ready, or in ``most`` of them."""
        api, release = self._release(handle)
        pods = [pod for pod in release.pods(handle.key) if pod_facts.is_ready(pod)]

        def run(pod: Object) -> bytes | None:
            return commands.python(api, handle.namespace, pod, program, *arguments, flags=flags)

        return commands.in_each(pods[:most], run)

    @contextlib.contextmanager
    def _changing(self, handle: KubernetesHandle) -> Iterator[None]:
        """Whatever the block has changed is observed from then on."""
        try:
            yield
        finally:
            self._snapshots.forget(Api.at(handle.address), handle.namespace)
            self._usage.forget(handle.key)

    def _runs(self, spec: ServiceSpec, where: Address) -> bool:
        """Whether the Deployment runs this revision, or is rolling it out."""
        handle = self._handle(spec, where)
        deployment = self._release(handle)[1].deployment()
        return deployment is not None and revision_key(deployment) == handle.key

    def _nodes_of(self, api: Api) -> Sequence[Object]:
        """The nodes of a cluster as they were a moment ago; none if this user may not list them."""
        known = self._nodes.get(api.address)
        if known is None or time.monotonic() - known[0] > NODES_SECONDS:
            try:
                found = api.list("Node", "")
            except Refused:
                found = []
            known = self._nodes[api.address] = time.monotonic(), found
        return known[1]


def _more_kinds(handle: KubernetesHandle) -> Sequence[str]:
    """The kinds of objects that only some services have, of which this one has some."""
    return [
        *((gateway_routes.HTTP_ROUTE,) if handle.gateway else ()),
        *(idle_scaling.KINDS if handle.idles else ()),
    ]


def _trouble(handle: KubernetesHandle, there: Snapshot) -> str:
    """Why KEDA does not scale a service with an idle timeout; empty while it does, or if nobody can tell."""
    kinds = [kind for kind in idle_scaling.KINDS if kind in there.others]
    if not handle.idles or not kinds:
        return ""
    return idle_scaling.trouble_of({kind: there.other(kind, handle.name, handle.owner) for kind in kinds})


def _namespace(config: DeploymentConfig, where: Address) -> str:
    return str(config.compute_settings.get("namespace") or where.namespace)


def _image_name(spec: ServiceSpec, plan: BuildPlan) -> str:
    return service_name(plan, spec.name, labels_of(spec))


def _events(api: Api, pod: Object) -> Sequence[Object]:
    meta = pod["metadata"]
    try:
        return api.list("Event", str(meta["namespace"]), fields=f"involvedObject.uid={meta['uid']}")
    except Refused:
        return ()
