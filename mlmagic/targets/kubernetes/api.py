"""The API of one cluster: objects as JSON values, with the credentials that the official client loads.

Objects are dicts as the API writes them, because mlmagic reads and writes few fields of objects whose types
differ between versions of Kubernetes.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.kubernetes import connection
from mlmagic.targets.kubernetes.connection import FIX, TARGET, Address

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Object = Mapping[str, Any]
"""An object of Kubernetes, as the API writes it in JSON."""

MANAGER = "mlmagic"
"""The field manager of all that mlmagic applies."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
CONNECTIONS = 32
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
GATEWAY_GROUP = "gateway.networking.k8s.io"
_GATEWAY_VERSIONS = ("v1", "v1beta1")
_ADD_ON = {"InterceptorRoute": "http.keda.sh/v1beta1", "HTTPScaledObject": "http.keda.sh/v1alpha1"}
"""The kinds that KEDA's HTTP add-on has for its routes, the newest first, and their groups and versions."""
_PLURALS = {
    "Deployment": "apis/apps/v1/namespaces/{namespace}/deployments",
    "ReplicaSet": "apis/apps/v1/namespaces/{namespace}/replicasets",
    "Service": "api/v1/namespaces/{namespace}/services",
    "ConfigMap": "api/v1/namespaces/{namespace}/configmaps",
    "Secret": "api/v1/namespaces/{namespace}/secrets",
    "Pod": "api/v1/namespaces/{namespace}/pods",
    "Event": "api/v1/namespaces/{namespace}/events",
    "Node": "api/v1/nodes",
    "Namespace": "api/v1/namespaces",
    "HorizontalPodAutoscaler": "apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/{version}/namespaces/{namespace}/poddisruptionbudgets",
    "HTTPRoute": "apis/gateway.networking.k8s.io/{version}/namespaces/{namespace}/httproutes",
    "Gateway": "apis/gateway.networking.k8s.io/{version}/namespaces/{namespace}/gateways",
    "InterceptorRoute": "apis/http.keda.sh/v1beta1/namespaces/{namespace}/interceptorroutes",
    "HTTPScaledObject": "apis/http.keda.sh/v1alpha1/namespaces/{namespace}/httpscaledobjects",
    "ScaledObject": "apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects",
}


class Refused(LaunchFailed):
    """The API server refused a call; ``status`` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(TARGET, f"the Kubernetes API server refused: {message}")


class Api:
    """The API of one cluster, for all threads of this process: see `Api.at`."""

    def __init__(self, address: Address, settings: Any) -> None:
        """``settings`` is the client's `Configuration`."""
        self.address = address
        self.settings = settings
        self._pool = _pool(settings)
        self._versions: dict[str, str] = {}

    @classmethod
    def at(cls, address: Address) -> Api:
        """The API of a cluster, connected once per process. Raises `TargetUnavailable`."""
        key = os.getpid(), address.kubeconfig, address.context  # a forked process needs its own connections
        with _lock:
            if key not in _apis:
                _apis[key] = cls(address, connection.configuration(address))
            return _apis[key]

    @property
    def host(self) -> str:
        """The host of the API server, which is often a node too."""
        return urlsplit(self.settings.host).hostname or ""

    @property
    def url(self) -> str:
        """The URL of the API server, without a slash at its end."""
        return str(self.settings.host).rstrip("/")

    # -- objects --------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object; None if there is none."""
        try:
            return self._object("GET", f"{self._path(kind, namespace)}/{quote(name)}")
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, kind: str, namespace: str, labels: Mapping[str, str] | None = None, fields: str = ""
    ) -> list[Object]:
        """The objects with these labels; ``fields`` is a field selector."""
        return list(self.listing(kind, namespace, labels, fields)[0])

    def listing(
        self, kind: str, namespace: str, labels: Mapping[str, str] | None = None, fields: str = ""
    ) -> tuple[Sequence[Object], str]:
        """The same, and the version of the list, from which `watch` goes on."""
        found = self.call("GET", self._selection(kind, namespace, labels, fields))
        return found["items"], str(found["metadata"].get("resourceVersion") or "")

    def watch(
        self, kind: str, namespace: str, labels: Mapping[str, str], version: str, seconds: int
    ) -> Iterator[Object]:
        """The events after a version, as they come, for so many seconds.

        Raises `Refused`, and `TargetUnavailable` also where the connection breaks.
        """
        from urllib3.exceptions import HTTPError

        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        path = self._selection(kind, namespace, labels, allowWatchBookmarks="true", **query)
        answer = self._request("GET", path, None, "", stream=True, silence=seconds + ANSWER_SECONDS)
        try:
            yield from map(json.loads, lines_of(answer))
        except (HTTPError, ValueError) as error:  # ValueError: half a line
            raise self._silent(error) from None

    def _selection(
        self,
        kind: str,
        namespace: str,
        labels: Mapping[str, str] | None = None,
        fields: str = "",
        **query: str,
    ) -> str:
        """The path of the objects of a kind with these labels and fields."""
        selectors = dict(query)
        if labels:
            selectors["labelSelector"] = ",".join(f"{name}={value}" for name, value in labels.items())
        if fields:
            selectors["fieldSelector"] = fields
        path = self._path(kind, namespace)
        return f"{path}?{urlencode(selectors)}" if selectors else path

    def apply(self, namespace: str, wanted: Object) -> Object:
        """Create the object, or change the fields that mlmagic manages (server-side apply)."""
        path = f"{self._path(wanted['kind'], namespace)}/{quote(wanted['metadata']['name'])}"
        return self._object("PATCH", f"{path}?fieldManager={MANAGER}&force=true", wanted, _APPLY)

    def patch(self, kind: str, namespace: str, name: str, changes: Object, part: str = "") -> Object | None:
        """Merge ``changes`` into the object, or into a ``part`` of it, such as scale; None if it is gone."""
        path = f"{self._path(kind, namespace)}/{quote(name)}" + (f"/{part}" if part else "")
        try:
            return self._object("PATCH", f"{path}?fieldManager={MANAGER}", changes, _MERGE)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def delete(self, kind: str, namespace: str, name: str, *, grace: int | None = None) -> None:
        """Delete the object, and in the background what it has created; silent if it is gone."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self.call("DELETE", f"{self._path(kind, namespace)}/{quote(name)}", body)
        except Refused as error:
            if error.status != 404:
                raise

    def version_of(self, group: str, wanted: Sequence[str]) -> str:
        """The first of the ``wanted`` versions of an API group that the server has; else the last."""
        if group not in self._versions:
            try:
                known = [each["version"] for each in self.call("GET", f"apis/{group}")["versions"]]
            except Refused:
                known = []
            self._versions[group] = next((each for each in wanted if each in known), wanted[-1])
        return self._versions[group]

    def autoscaling(self) -> str:
        """The version of the autoscaler's API."""
        return self.version_of("autoscaling", ("v2", "v1"))

    def policy(self) -> str:
        """The version of the API of disruption budgets."""
        return self.version_of("policy", ("v1", "v1beta1"))

    def gateway(self) -> str:
        """The version of the Gateway API's HTTPRoute; empty in a cluster that has none."""
        if GATEWAY_GROUP not in self._versions:
            places = {version: f"{GATEWAY_GROUP}/{version}" for version in _GATEWAY_VERSIONS}
            found = next((name for name, place in places.items() if self._has(place, "HTTPRoute")), "")
            if not found:  # it may be installed later
                return ""
            self._versions[GATEWAY_GROUP] = found
        return self._versions[GATEWAY_GROUP]

    def add_on(self) -> str:
        """The newest kind that KEDA's HTTP add-on has for its routes; empty in a cluster without it.

        It is looked up each time: a newer version may be installed while services run.
        """
        return next((kind for kind, place in _ADD_ON.items() if self._has(place, kind)), "")

    def has_keda(self) -> bool:
        """Whether KEDA itself is installed."""
        return self._has("keda.sh/v1alpha1", "ScaledObject")

    def has_knative(self) -> bool:
        """Whether Knative Serving is installed."""
        return self._has("serving.knative.dev/v1", "Service")

    def _has(self, place: str, kind: str) -> bool:
        """Whether a version of an API group has this kind."""
        try:
            found = self.call("GET", f"apis/{place}")["resources"]
        except Refused:
            return False
        return any(each["kind"] == kind for each in found)

    # -- logs -----------------------------------------------------------------------------------------

    def log(self, namespace: str, pod: str, *, tail: int, follow: bool = False) -> BaseHTTPResponse:
        """The log of a pod, with a time before each line. Raises `Refused` if it has none yet."""
        query = {"timestamps": "true", "tailLines": str(tail), "follow": str(follow).lower()}
        path = f"{self._path('Pod', namespace)}/{quote(pod)}/log?{urlencode(query)}"
        silence = None if follow else ANSWER_SECONDS
        return self._request("GET", path, None, "", stream=True, silence=silence)

    # -- calls ----------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The server's answer as JSON values.

        Raises `Refused`, or `TargetUnavailable` if it does not answer or does not accept the credentials.
        """
        return json.loads(self._request(method, path, body, kind).data or b"null")

    def _object(self, method: str, path: str, body: Any = None, kind: str = "") -> Object:
        found: Object = self.call(method, path, body, kind)
        return found

    def _request(
        self,
        method: str,
        path: str,
        body: Any,
        kind: str,
        *,
        stream: bool = False,
        silence: float | None = ANSWER_SECONDS,
    ) -> BaseHTTPResponse:
        """``silence`` is how many seconds the server may be silent; None: for ever."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", **self.credentials()}
        if body is not None:
            headers["Content-Type"] = kind
        try:
            answer = self._pool.request(
                method,
                f"{self.url}/{path}",
                body=json.dumps(body).encode() if body is not None else None,
                headers=headers,
                timeout=Timeout(connect=CONNECT_SECONDS, read=silence),
                retries=False,
                preload_content=not stream,
            )
        except HTTPError as error:
            raise self._silent(error) from None
        if answer.status >= 400:
            self._refuse(answer)
        return answer

    def _silent(self, error: Exception) -> TargetUnavailable:
        words = f"the Kubernetes API server at {self.settings.host} does not answer: {_reason(error)}"
        return TargetUnavailable(TARGET, words, fix=FIX)

    def _refuse(self, answer: BaseHTTPResponse) -> None:
        message = _message(answer.data) or f"HTTP {answer.status}"
        answer.release_conn()
        if answer.status == 401:
            raise TargetUnavailable(
                TARGET,
                f"the Kubernetes API server at {self.settings.host} does not accept the credentials of "
                f"context {self.address.context!r}: {message}",
                fix="Log in to the cluster again, so that the context has valid credentials.",
            )
        if answer.status in (429, 502, 503, 504):
            raise TargetUnavailable(TARGET, f"the Kubernetes API server is not ready: {message}", fix=FIX)
        raise Refused(answer.status, message)

    def credentials(self) -> dict[str, str]:
        """The headers with the credentials; a token that expires is loaded again."""
        token = self.settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            return {"Authorization": token}
        if self.settings.username:
            pair = f"{self.settings.username}:{self.settings.password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def _path(self, kind: str, namespace: str) -> str:
        version = ""
        if kind == "HorizontalPodAutoscaler":
            version = self.autoscaling()
        elif kind == "PodDisruptionBudget":
            version = self.policy()
        elif kind in ("HTTPRoute", "Gateway"):
            version = self.gateway() or _GATEWAY_VERSIONS[0]
        return _PLURALS[kind].format(namespace=quote(namespace), version=version)


_apis: dict[tuple[int, str, str], Api] = {}
_lock = threading.Lock()


def lines_of(answer: BaseHTTPResponse) -> Iterator[str]:
    """The lines of a log; the connection is closed at their end, or when the iterator is."""
    rest = b""
    try:
        for chunk in answer.stream(decode_content=True):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
        if rest:
            yield rest.decode(errors="replace")
    finally:
        answer.close()


def _pool(settings: Any) -> PoolManager:
    import urllib3

    options: dict[str, Any] = {"num_pools": 2, "maxsize": CONNECTIONS}
    options["cert_reqs"] = "CERT_REQUIRED" if settings.verify_ssl else "CERT_NONE"
    for name, option in (("ssl_ca_cert", "ca_certs"), ("cert_file", "cert_file"), ("key_file", "key_file")):
        if getattr(settings, name, None):
            options[option] = getattr(settings, name)
    if getattr(settings, "tls_server_name", None):
        options["server_hostname"] = options["assert_hostname"] = settings.tls_server_name
    if settings.proxy and not _is_reached_directly(settings):
        return urllib3.ProxyManager(settings.proxy, proxy_headers=settings.proxy_headers, **options)
    return urllib3.PoolManager(**options)


def _is_reached_directly(settings: Any) -> bool:
    """Whether the variable NO_PROXY names the server."""
    host = urlsplit(settings.host).hostname or ""
    names = [name.strip().lstrip("*.") for name in str(getattr(settings, "no_proxy", "") or "").split(",")]
    return any(host == name or host.endswith(f".{name}") for name in names if name)


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return body[:500].decode(errors="replace").strip()
    return str(found.get("message") or "") if isinstance(found, dict) else ""


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error.__cause__ or error
    return str(reason).rpartition("): ")[2] or type(reason).__name__
