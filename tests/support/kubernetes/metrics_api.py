"""The API metrics.k8s.io of the tests' cluster: what a metrics server answers, from the kubelets' numbers."""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.kubernetes.network import ADDRESSES

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

_GROUP, _VERSION = "metrics.k8s.io", "v1beta1"
_NAME, _NAMESPACE = "mlmagic-tests-metrics", "kube-system"


@contextmanager
def serving(cluster: Cluster) -> Iterator[None]:
    """Serve the API, and register it with the cluster's API server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(_answer(cluster, self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Nothing: the tests' output is for failures."""

    with http.server.ThreadingHTTPServer((ADDRESSES[1], 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cluster.folder / "api.crt", cluster.folder / "api.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        items = _objects(int(server.server_address[1]))
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        cluster.kubectl("apply", "-f", "-", given=given)
        try:
            yield
        finally:
            cluster.kubectl("delete", "--ignore-not-found", "-f", "-", given=given)
            server.shutdown()
            thread.join()


def _objects(port: int) -> list[Mapping[str, Any]]:
    meta = {"name": _NAME, "namespace": _NAMESPACE}
    subset = {"addresses": [{"ip": ADDRESSES[1]}], "ports": [{"port": port}]}
    spec = {
        "group": _GROUP,
        "version": _VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": meta,
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"ports": [{"port": 443, "targetPort": port}]},
        },
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [subset]},
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{_VERSION}.{_GROUP}"},
            "spec": spec,
        },
    ]


def _answer(cluster: Cluster, address: str) -> Mapping[str, Any]:
    path, _, query = address.partition("?")
    parts = path.strip("/").split("/")
    if parts[-1] == "pods":
        namespace = parts[4] if "namespaces" in parts else ""
        kind = {"kind": "PodMetricsList", "apiVersion": f"{_GROUP}/{_VERSION}", "metadata": {}}
        return {**kind, "items": _pods(cluster, namespace, query)}
    if parts[-1] == _VERSION:
        verbs = {"verbs": ["get", "list"], "singularName": ""}
        resources = [{"name": "pods", "namespaced": True, "kind": "PodMetrics", **verbs}]
        kind = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{_GROUP}/{_VERSION}"}
        return {**kind, "resources": resources}
    return {"kind": "Status", "apiVersion": "v1", "status": "Success"}


def _pods(cluster: Cluster, namespace: str, query: str) -> list[Mapping[str, Any]]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    used = _used(cluster)
    folder = f"namespaces/{namespace}/" if namespace else ""
    found = []
    for pod in _get(cluster, f"/api/v1/{folder}pods?{query}")["items"]:
        meta = pod["metadata"]
        containers = used.get((meta["namespace"], meta["name"]))
        if containers:
            named = {"name": meta["name"], "namespace": meta["namespace"], "creationTimestamp": now}
            found.append({"metadata": named, "timestamp": now, "window": "10s", "containers": containers})
    return found


def _used(cluster: Cluster) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """What the containers of each pod use now."""
    used = {}
    for number in ADDRESSES:
        path = f"/api/v1/nodes/node{number}/proxy/stats/summary?only_cpu_and_memory=true"
        for pod in _get(cluster, path).get("pods") or ():
            used[pod["podRef"]["namespace"], pod["podRef"]["name"]] = [
                {"name": each["name"], "usage": _usage(each)} for each in pod.get("containers") or ()
            ]
    return used


def _usage(container: Mapping[str, Any]) -> Mapping[str, str]:
    cpu = container.get("cpu", {}).get("usageNanoCores", 0)
    memory = container.get("memory", {}).get("workingSetBytes", 0)
    return {"cpu": f"{cpu}n", "memory": f"{memory // 1024}Ki"}


def _get(cluster: Cluster, path: str) -> Any:
    context = ssl.create_default_context(cafile=str(cluster.folder / "ca.crt"))
    context.load_cert_chain(cluster.folder / "admin.crt", cluster.folder / "admin.key")
    with urllib.request.urlopen(
        f"https://127.0.0.1:{cluster.api_port}{path}", context=context, timeout=10
    ) as answer:
        return json.load(answer)
