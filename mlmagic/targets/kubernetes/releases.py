"""The revisions of one service in a cluster: applied, rolled back, removed.

A service has one Deployment, whose pod template is that of its newest revision; Kubernetes replaces the pods
of the one before. The Secret of each revision has, in `RECORD`, the objects that were applied for it: so a
revision that is discarded gives way to the one before, whose pods were never lost.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Collection, Mapping, Sequence

from mlmagic.errors import LaunchFailed
from mlmagic.targets.kubernetes import idle_scaling, objects
from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import TARGET
from mlmagic.targets.kubernetes.gateway_routes import HTTP_ROUTE, Backend, gateway_of, http_route
from mlmagic.targets.kubernetes.objects import KEY, MANAGED_BY, NAME, REVISION, Workload
from mlmagic.targets.kubernetes.observation import revision_key, wanted_replicas
from mlmagic.targets.kubernetes.pods import has_ended, is_ending, name_of
from mlmagic.targets.kubernetes.records import AUTOSCALER, RECORD, idles, record_of, scaled
from mlmagic.targets.kubernetes.workloads import secret_name

OPTIONAL = (AUTOSCALER, "PodDisruptionBudget", HTTP_ROUTE)
"""The kinds that only some revisions have, besides those for KEDA."""
_PAUSE_SECONDS = 0.2
_KILL_SECONDS = 5.0
"""A node kills a container so soon after its time to finish is over; later it is away."""
_MARGIN_SECONDS = 30.0
_RELEASE_SECONDS = 20.0
"""KEDA has so long to let go of a Deployment."""


class Release:
    """One service of a workspace: its objects in a namespace."""

    def __init__(self, api: Api, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        """``owner`` are the labels that say whose the objects are."""
        self._api, self._namespace, self._name, self._owner = api, namespace, name, owner

    # -- reading --------------------------------------------------------------------------------------

    def deployment(self) -> Object | None:
        """Its Deployment; None if there is none, or if it is not ours."""
        return self._ours(self._api.get("Deployment", self._namespace, self._name))

    def service(self) -> Object | None:
        """Its Service; None if there is none, or if it is not ours."""
        return self._ours(self._api.get("Service", self._namespace, self._name))

    def pods(self, key: str = "") -> list[Object]:
        """Its pods, of one revision or of all."""
        return self._api.list("Pod", self._namespace, self._labels(key))

    def has_secret(self, key: str) -> bool:
        """Whether anything was applied for a revision and is still there."""
        return self._ours(self._api.get("Secret", self._namespace, secret_name(self._name, key))) is not None

    # -- changing -------------------------------------------------------------------------------------

    def apply(self, workload: Workload, files: Mapping[str, bytes]) -> None:
        """Apply the objects of a revision. Raises `LaunchFailed` if objects of its names are not ours."""
        self._check_names(workload)
        wanted = objects.objects_of(
            workload,
            autoscaling=self._api.autoscaling(),
            policy=self._api.policy(),
            gateway=self._api.gateway() or "v1",
        )
        record = json.dumps(wanted).encode()
        self._api.apply(self._namespace, objects.secret(workload, {**files, RECORD: record}))
        if workload.files is not None:
            self._api.apply(self._namespace, objects.config_map(workload, workload.files))
        self._apply_all(wanted, keep_replicas=any(each["kind"] == AUTOSCALER for each in wanted))

    def scale(self, key: str, replicas: int) -> None:
        """Run so many replicas, without an autoscaler; also after a rollback to this revision.

        Where KEDA scales a service that idles, so many run at most.
        """
        now = self.deployment()
        if now is None or revision_key(now) != key:
            return
        recorded = self._record(key)
        if recorded is not None and idles(recorded):
            wanted = scaled(recorded, replicas)
            if wanted != list(recorded):
                for each in wanted:
                    if each["kind"] in idle_scaling.KINDS:
                        self._api.apply(self._namespace, each)
                self._write_record(key, wanted)
            return
        self._delete_ours(AUTOSCALER, self._name)
        if wanted_replicas(now) != replicas:
            self._api.patch(
                "Deployment", self._namespace, self._name, {"spec": {"replicas": replicas}}, "scale"
            )
        if recorded is not None:
            self._write_record(key, scaled(recorded, replicas))

    def hold(self, key: str, *, paused: bool) -> None:
        """Replace no more pods by those of this revision, or go on with it."""
        now = self.deployment()
        if now is not None and revision_key(now) == key:
            self._api.patch("Deployment", self._namespace, self._name, {"spec": {"paused": paused}})

    def write_secret(self, key: str, files: Mapping[str, bytes]) -> None:
        """Replace files of a revision's Secret, and have the nodes read it at once."""
        data = {name: base64.b64encode(content).decode() for name, content in files.items()}
        self._api.patch("Secret", self._namespace, secret_name(self._name, key), {"data": data})
        # A node looks at the Secrets of a pod when the pod changes, else only once a minute.
        touched = {"metadata": {"annotations": {"mlmagic.keys": str(time.time_ns())}}}
        for pod in self.pods(key):
            self._api.patch("Pod", self._namespace, name_of(pod), touched)

    def route(self, key: str, gateway: str, backends: Sequence[Backend]) -> None:
        """Have the Gateway send its requests to ``backends``, if the Deployment runs this revision.

        The record of the revision keeps the route to the service itself, which is right after a rollback too.
        """
        now = self.deployment()
        found = self._api.get(HTTP_ROUTE, self._namespace, self._name)
        if now is None or revision_key(now) != key or (found is not None and self._ours(found) is None):
            return
        metadata = {"name": self._name, "labels": self._labels()}
        wanted = http_route(metadata, gateway, backends, version=self._api.gateway())
        self._api.apply(self._namespace, wanted)

    def remove(self, key: str, *, grace: float, keep_address: bool) -> None:
        """End a revision; returns when its pods are gone.

        If another revision has taken its place, only what is its own is removed. If the one before it is
        still there, that takes its place again. Otherwise all objects of the service are removed, but with
        ``keep_address`` its Service is kept.
        """
        now = self.deployment()
        is_current = now is not None and revision_key(now) == key
        others = self._other_revisions(key)
        if is_current and others:
            self._roll_back(others[-1], wanted_replicas(now) if now is not None else 1)
        elif is_current or (now is None and not others):
            self._release_from_keda()
            for kind in OPTIONAL:
                self._delete_ours(kind, self._name)
            if is_current:
                self._api.delete("Deployment", self._namespace, self._name)
            if not keep_address:
                self._delete_ours("Service", self._name)
        for old in self._api.list("ReplicaSet", self._namespace, self._labels(key)):
            self._api.delete("ReplicaSet", self._namespace, str(old["metadata"]["name"]))
        is_last = is_current and not others
        self._end_pods(key, max(1, math.ceil(grace)) + (0 if is_last else objects.PRE_STOP_SECONDS))
        for kind in ("ConfigMap", "Secret"):
            self._delete_ours(kind, secret_name(self._name, key))

    # -- inside ---------------------------------------------------------------------------------------

    def _labels(self, key: str = "") -> dict[str, str]:
        found = {NAME: self._name, MANAGED_BY: "mlmagic", **self._owner}
        return {**found, KEY: key} if key else found

    def _ours(self, found: Object | None) -> Object | None:
        return found if found is not None and is_ours(found, self._owner) else None

    def _check_names(self, workload: Workload) -> None:
        routes = [HTTP_ROUTE] if gateway_of(workload.config) else []
        if workload.add_on is not None:
            routes += [workload.add_on.kind, idle_scaling.SCALED_OBJECT]
        for kind in ("Deployment", "Service", *routes):
            found = self._api.get(kind, self._namespace, workload.name)
            if found is not None and not is_ours(found, self._owner):
                raise LaunchFailed(
                    TARGET,
                    f"namespace {self._namespace!r} has {_article(kind)} {kind} {workload.name!r} that "
                    f"{owner_of(found)}, and mlmagic does not change it",
                    hint="Choose another name for the service, or another namespace.",
                )

    def _apply_all(
        self, wanted: Sequence[Object], *, keep_replicas: bool = False, replicas: int | None = None
    ) -> None:
        """Apply the objects of a revision, and delete those that only others have.

        With ``keep_replicas`` as many replicas run as now; ``replicas`` is a number of them. What was paused
        goes on: with the new objects.
        """
        kinds = {each["kind"] for each in wanted}
        self._release_from_keda(kinds)
        if idles(wanted):
            self._delete_ours(AUTOSCALER, self._name)  # KEDA refuses a Deployment that has an autoscaler
        if keep_replicas:
            now = self.deployment()
            replicas = max(1, wanted_replicas(now)) if now is not None else None  # 0: it was idle
        for each in wanted:
            if each["kind"] == "Deployment":
                count = {} if replicas is None else {"replicas": replicas}
                each = {**each, "spec": {**each["spec"], **count, "paused": False}}
            self._api.apply(self._namespace, each)
        for kind in OPTIONAL:
            if kind not in kinds:
                self._delete_ours(kind, self._name)

    def _release_from_keda(self, wanted: Collection[str] = ()) -> None:
        """Remove what has KEDA scale the Deployment, unless it is among the ``wanted`` kinds.

        Returns when KEDA has let go of it: until then it would undo another number of replicas.
        """
        if not self._api.add_on():
            return
        deadline = time.monotonic() + _RELEASE_SECONDS
        for kind in idle_scaling.KINDS:
            found = self._ours(self._of_others(kind))
            if found is None:
                continue
            is_made = bool(found["metadata"].get("ownerReferences"))  # it goes with its HTTPScaledObject
            if (idle_scaling.HTTP_SCALED_OBJECT if is_made else kind) in wanted:
                continue
            if not is_made:
                self._api.delete(kind, self._namespace, self._name)
            while self._of_others(kind) is not None and time.monotonic() < deadline:
                time.sleep(_PAUSE_SECONDS)

    def _of_others(self, kind: str) -> Object | None:
        """The object of a kind that is not Kubernetes' own; None also for a user who may not read it."""
        try:
            return self._api.get(kind, self._namespace, self._name)
        except Refused as error:
            if error.status == 403:
                return None  # who may not read them has created none
            raise

    def _roll_back(self, secret: Object, replicas: int) -> None:
        """Go back to the revision of a Secret, with as many ``replicas`` as now.

        With an idle timeout that number is KEDA's. A service that was idle until now has its own again.
        """
        recorded = record_of(secret)
        before = next((wanted_replicas(each) for each in recorded if each["kind"] == "Deployment"), 1)
        self._apply_all(recorded, replicas=None if idles(recorded) else replicas or before)

    def _other_revisions(self, key: str) -> list[Object]:
        """The Secrets of the other revisions that are there, the newest last."""
        found = [
            secret
            for secret in self._api.list("Secret", self._namespace, self._labels())
            if secret["metadata"]["labels"].get(KEY) != key and RECORD in (secret.get("data") or {})
        ]
        return sorted(found, key=lambda secret: int(secret["metadata"]["labels"].get(REVISION, 0)))

    def _record(self, key: str) -> Sequence[Object] | None:
        found = self._ours(self._api.get("Secret", self._namespace, secret_name(self._name, key)))
        return record_of(found) if found is not None else None

    def _write_record(self, key: str, recorded: Sequence[Object]) -> None:
        data = {RECORD: base64.b64encode(json.dumps(recorded).encode()).decode()}
        self._api.patch("Secret", self._namespace, secret_name(self._name, key), {"data": data})

    def _delete_ours(self, kind: str, name: str) -> None:
        if kind == HTTP_ROUTE and not self._api.gateway():
            return
        found = self._of_others(kind) if kind == HTTP_ROUTE else self._api.get(kind, self._namespace, name)
        if self._ours(found) is not None:
            self._api.delete(kind, self._namespace, name)

    def _end_pods(self, key: str, seconds: int) -> None:
        """End the pods of a revision within ``seconds``, and wait until they are gone."""
        told: dict[str, int] = {}
        start = time.monotonic()
        deadline = start + seconds + _MARGIN_SECONDS
        while pods := self.pods(key):
            is_over = time.monotonic() > start + seconds + _KILL_SECONDS
            for pod in pods:
                # Old versions of Kubernetes keep a pod for up to ten seconds after its container has ended.
                is_down = is_ending(pod) and (is_over or has_ended(pod))
                name, grace = name_of(pod), 0 if is_down else seconds
                if told.get(name) != grace:
                    self._api.delete("Pod", self._namespace, name, grace=grace)
                    told[name] = grace
            if time.monotonic() > deadline:  # of a node that is away; Kubernetes removes them with it
                return
            time.sleep(_PAUSE_SECONDS)


def is_ours(found: Object, owner: Mapping[str, str]) -> bool:
    """Whether mlmagic created an object for this workspace."""
    labels = found["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in {MANAGED_BY: "mlmagic", **owner}.items())


def owner_of(found: Object) -> str:
    """Whose an object is that is not ours, for people."""
    labels = found["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) == "mlmagic":
        return "belongs to another workspace"
    manager = labels.get(MANAGED_BY)
    return f"is managed by {manager}" if manager else "was not created by mlmagic"


def _article(kind: str) -> str:
    return "an" if kind[0] in "AEIOU" else "a"
