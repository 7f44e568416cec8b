"""A stand-in for KEDA and its HTTP add-on, in this process: no such image can be had here.

It keeps to what they document. It reads routes and bounds from the API, holds requests while no replica is
ready, scales the Deployment from 0 while requests wait, and to 0 when none has come for the cooldown period.
One autoscaling decision is missing: it never adds a second replica.
"""

from __future__ import annotations

import http.client
import select
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.kubernetes import connection
from mlmagic.targets.kubernetes.api import Api
from tests.support.kubernetes import keda
from tests.support.kubernetes.network import ADDRESSES

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

_LOOK_SECONDS = 0.1
_HOP = {"connection", "keep-alive", "host", "content-length", "transfer-encoding"}
_NAMESPACE = "default"

Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Route:
    """Where requests below a path go, and how the Deployment is scaled."""

    path: str
    name: str
    readiness: float
    cooldown: float
    created: str


@dataclass
class HttpAddOn:
    """What it knows, and what it has done."""

    api: Api
    looks: int = 0
    """How often it has looked at all services."""
    wakes: int = 0
    """How often it has started a first replica."""
    conflicts: set[str] = field(default_factory=set)
    """The services with an autoscaler of their own, which KEDA refuses to scale."""
    _routes: dict[str, _Route] = field(default_factory=dict)
    _waiting: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Requests that are in progress, by service."""
    _active: dict[tuple[str, str], float] = field(default_factory=dict)
    """When the last request ended, by service and the version of its objects."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    # -- scaling, as KEDA does it ---------------------------------------------------------------------

    def run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with suppress(LaunchFailed, TargetUnavailable):  # objects come and go meanwhile
                self._look()

    def _look(self) -> None:
        self._make_scaled_objects()
        scaled = {_name(each): each for each in self._list("ScaledObject")}
        self._routes = {name: route for name, route in self._found_routes(scaled).items() if name in scaled}
        autoscaled = {_name(each) for each in self._list("HorizontalPodAutoscaler")}
        self.conflicts |= autoscaled & scaled.keys()
        for name, route in self._routes.items():
            self._scale(name, route)
        self.looks += 1

    def _found_routes(self, scaled: Mapping[str, Seen]) -> dict[str, _Route]:
        found = {}
        for each in self._list("InterceptorRoute"):
            spec, name = each["spec"], _name(each)
            bounds = scaled.get(name, {}).get("spec", {})
            found[name] = _Route(
                spec["rules"][0]["paths"][0]["value"],
                spec["target"]["service"],
                _seconds(spec["timeouts"]["readiness"]),
                bounds.get("cooldownPeriod", 300),
                each["metadata"]["uid"],
            )
        for each in self._list("HTTPScaledObject"):
            spec = each["spec"]
            found[_name(each)] = _Route(
                spec["pathPrefixes"][0],
                spec["scaleTargetRef"]["service"],
                _seconds(spec["timeouts"]["conditionWait"]),
                spec["scaledownPeriod"],
                each["metadata"]["uid"],
            )
        return found

    def _make_scaled_objects(self) -> None:
        """Of each HTTPScaledObject, as the add-on's operator does; and remove those whose owner is gone."""
        owners = {_name(each): each for each in self._list("HTTPScaledObject")}
        made = {
            _name(each): each
            for each in self._list("ScaledObject")
            if each["metadata"].get("ownerReferences")
        }
        for name in made.keys() - owners.keys():
            self.api.delete("ScaledObject", _NAMESPACE, name)
        for name in owners.keys() - made.keys():
            meta, spec = owners[name]["metadata"], owners[name]["spec"]
            owner = {"apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "name": name}
            wanted = {
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "ScaledObject",
                "metadata": {
                    "name": name,
                    "labels": meta["labels"],
                    "ownerReferences": [{**owner, "uid": meta["uid"], "controller": True}],
                },
                "spec": {
                    "scaleTargetRef": {"name": name},
                    "maxReplicaCount": spec["replicas"]["max"],
                    "triggers": [{"type": "external-push", "metadata": {"httpScaledObject": name}}],
                },
            }
            path = f"apis/keda.sh/v1alpha1/namespaces/{_NAMESPACE}/scaledobjects"
            self.api.call("POST", path, wanted)

    def _scale(self, name: str, route: _Route) -> None:
        deployment = self.api.get("Deployment", _NAMESPACE, name)
        if deployment is None:
            return
        key, now = (name, route.created), time.monotonic()
        with self._lock:
            is_active = self._waiting[name] > 0
            last = self._active.setdefault(key, now)
            if is_active:
                self._active[key] = now
        replicas = deployment["spec"]["replicas"]
        if replicas == 0 and is_active:
            self._set_replicas(name, 1)
            self.wakes += 1
        elif replicas > 0 and not is_active and now - last > route.cooldown:
            self._set_replicas(name, 0)

    def _set_replicas(self, name: str, replicas: int) -> None:
        path = f"apis/apps/v1/namespaces/{_NAMESPACE}/deployments/{name}/scale?fieldManager=keda"
        self.api.call("PATCH", path, {"spec": {"replicas": replicas}}, "application/merge-patch+json")

    def _list(self, kind: str) -> list[Seen]:
        try:
            return self.api.list(kind, _NAMESPACE)
        except LaunchFailed:  # the cluster does not know the kind
            return []

    # -- requests, as the interceptor sends them ------------------------------------------------------

    def forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, left: Callable[[], bool]
    ) -> Seen:
        """The answer of the service that a request is for: status, headers, body.

        ``left`` says whether the client has disconnected: then nobody waits any more.
        """
        path = target.partition("?")[0]
        route = next((each for each in self._routes.values() if f"{path}/".startswith(f"{each.path}/")), None)
        if route is None:
            return {"status": 404, "headers": {}, "body": b"no route"}
        with self._lock:
            self._waiting[route.name] += 1
        try:
            while (pod := self._ready_pod(route, left)) is not None:
                if (answer := _send(pod, method, target, headers, body)) is not None:
                    return answer
                time.sleep(_LOOK_SECONDS)
            return {"status": 504, "headers": {}, "body": b"backend not ready"}
        finally:
            with self._lock:
                self._waiting[route.name] -= 1
                self._active[route.name, route.created] = time.monotonic()

    def _ready_pod(self, route: _Route, left: Callable[[], bool]) -> tuple[str, int] | None:
        """The address of a pod, once one is ready; None if nobody waits any more.

        That is the add-on's direct routing to pods. The firewall rules of the Service follow a moment later.
        """
        deadline = time.monotonic() + route.readiness
        path = f"api/v1/namespaces/{_NAMESPACE}/endpoints/{route.name}"
        while time.monotonic() < deadline and not self._ended.is_set() and not left():
            with suppress(TargetUnavailable):
                for each in self.api.call("GET", path).get("subsets") or ():
                    if each.get("addresses"):
                        return each["addresses"][0]["ip"], each["ports"][0]["port"]
            time.sleep(_LOOK_SECONDS / 2)
        return None

    def end(self) -> None:
        self._ended.set()


@contextmanager
def running(cluster: Cluster) -> Iterator[HttpAddOn]:
    """The stand-in, which serves at the first node's address, and the Services that lead there."""
    add_on = HttpAddOn(Api.at(connection.current()))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = add_on.forward(self.command, self.path, self.headers, body, self.left)
            self.send_response(found["status"])
            for name, value in found["headers"].items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(found["body"])))
            self.end_headers()
            with suppress(OSError):  # the client has not waited
                self.wfile.write(found["body"])

        def left(self) -> bool:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

        do_GET = do_POST = do_HEAD = do_OPTIONS = answer

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *client: Any) -> None:
            if not isinstance(sys.exc_info()[1], OSError):  # a client that has not waited is no fault
                super().handle_error(*client)

    with Server((ADDRESSES[1], 0), Handler) as server:
        threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=add_on.run, daemon=True),
        ]
        for each in threads:
            each.start()
        try:
            with keda.services(cluster, ADDRESSES[1], server.server_port):
                yield add_on
        finally:
            add_on.end()
            server.shutdown()
            for each in threads:
                each.join()


def _send(
    pod: tuple[str, int], method: str, target: str, headers: Mapping[str, str], body: bytes
) -> Seen | None:
    """The answer of a pod; None if there is no connection to it: it has just ended."""
    sent = {name: value for name, value in headers.items() if name.lower() not in _HOP}
    backend = http.client.HTTPConnection(*pod, timeout=120)
    try:
        try:
            backend.connect()
        except OSError:
            return None
        backend.request(method, target, body, {**sent, "Host": headers.get("Host", "")})
        answer = backend.getresponse()
        return {"status": answer.status, "headers": dict(answer.headers), "body": answer.read()}
    except (OSError, http.client.HTTPException) as error:
        return {"status": 502, "headers": {}, "body": repr(error).encode()}
    finally:
        backend.close()


def _name(found: Seen) -> str:
    return str(found["metadata"]["name"])


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
