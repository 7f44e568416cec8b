"""What is true of a revision, from the objects of its service: pure functions.

deployment   whose pod template is that of the newest revision
pods         of all revisions of the service
events       of the pods that do not run, by the pod's name
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.webservice import Observation, Phase
from mlmagic.targets.kubernetes import drift
from mlmagic.targets.kubernetes import pods as pod_facts
from mlmagic.targets.kubernetes.objects import KEY, REVISION
from mlmagic.targets.kubernetes.pods import Failure

Object = Mapping[str, Any]

IDLE = "idle: the next request starts it"
_NO_INTERCEPTOR = "the interceptor of KEDA's HTTP add-on was not found, or has no address yet"
_COMPLETE, _TOO_LATE = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of one service at one moment."""

    deployment: Object | None
    pods: Sequence[Object] = ()
    events: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    room: str = ""
    """The most that one node has, in words; empty if it is not known."""
    away: Collection[str] = ()
    """The names of the nodes that do not answer."""
    idles: bool = False
    """Whether KEDA ends its replicas while nobody calls, and starts them."""
    trouble: str = ""
    """Why KEDA does not, for people."""

    def of(self, key: str) -> list[Object]:
        """The pods of a revision that are not ending."""
        return [pod for pod in self.pods if pod_facts.key_of(pod) == key and not pod_facts.is_ending(pod)]


def observe(seen: Seen, key: str, url: str | None) -> Observation:
    """The observation of the revision with this key; ``url`` is that of the service."""
    if seen.deployment is None:
        return Observation(Phase.GONE, words="the Deployment was removed")
    own = seen.of(key)
    ready = sum(map(pod_facts.is_ready, own))
    if revision_key(seen.deployment) != key:
        return _replaced(seen.deployment, ready, url)
    if not is_rolled_out(seen.deployment):
        return _starting(seen, own, ready)
    if seen.idles and url and wanted_replicas(seen.deployment) == 0:
        if seen.trouble:
            return Observation(Phase.RUNNING, url=url, words=seen.trouble)
        return Observation(Phase.RUNNING, url=url, words=IDLE, idle=True)
    if ready and url:
        return Observation(Phase.RUNNING, url=url, ready=ready, words=_serving(seen, key, ready))
    return _not_ready(seen, key, url)


def revision_key(deployment: Object) -> str:
    """The key of the revision that a Deployment runs, or is rolling out."""
    return str((deployment["spec"]["template"]["metadata"].get("labels") or {}).get(KEY, ""))


def is_rolled_out(deployment: Object) -> bool:
    """Whether all replicas were once ready of the revision that a Deployment is to run.

    That stays true while it is scaled, and while a replica is down.
    """
    status = deployment.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"]["generation"]):
        return False
    if is_paused(deployment):  # which hides whether it was complete before
        counts = {int(status.get(each) or 0) for each in ("replicas", "updatedReplicas", "availableReplicas")}
        return counts == {wanted_replicas(deployment)}
    return any(
        each["type"] == "Progressing" and each.get("reason") == _COMPLETE
        for each in status.get("conditions") or ()
    )


def is_paused(deployment: Object) -> bool:
    """Whether no more pods are replaced by those of the newest revision."""
    return bool(deployment["spec"].get("paused"))


def wanted_replicas(deployment: Object) -> int:
    found = deployment["spec"].get("replicas")
    return 1 if found is None else int(found)


def largest(nodes: Iterable[Object]) -> str:
    """The most CPU and memory that one node offers, for people; empty without nodes."""
    offers = [node["status"].get("allocatable") or {} for node in nodes]
    if not offers:
        return ""
    cpu = max(_cores(each.get("cpu", "0")) for each in offers)
    memory = max(pod_facts.quantity(each.get("memory", "0")) for each in offers) / (1 << 30)
    return f"a node has at most {cpu:g} CPU cores and {memory:.1f} GB of memory"


def _replaced(deployment: Object, ready: int, url: str | None) -> Observation:
    """A revision after the one that the Deployment is changed to."""
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    words = f"replaced by revision {labels.get(REVISION, '?')}"
    if ready and url:
        return Observation(Phase.RUNNING, url=url, ready=ready, words=words)
    return Observation(Phase.GONE, words=words)


def _serving(seen: Seen, key: str, ready: int) -> str:
    assert seen.deployment is not None
    words = _count(ready, wanted_replicas(seen.deployment)) + _away(seen, key) + _changed(seen.deployment)
    again = [(pod_facts.restarts(pod), pod_facts.failure(pod)) for pod in seen.of(key)]
    count = sum(number for number, _ in again)
    last = next((failure for number, failure in again if number and failure), None)
    if count and last is not None:
        times = "once" if count == 1 else f"{count} times"
        words += f"; restarted {times}, the last time because: {last.words}"
    return f"{words}; {seen.trouble}" if seen.trouble else words


def _starting(seen: Seen, own: Sequence[Object], ready: int) -> Observation:
    """A revision whose rollout is not complete."""
    assert seen.deployment is not None
    wanted = wanted_replicas(seen.deployment)
    if not ready and (failure := _failure(seen, own)):
        return Observation(Phase.EXITED, words=failure.words, error=failure.error)
    if message := _no_room(seen, own):
        return Observation(Phase.UNSCHEDULABLE, ready=ready, words=message)
    if is_paused(seen.deployment):
        return Observation(Phase.STARTING, ready=ready, words=f"paused; {_count(ready, wanted)}")
    late = [each for each in _conditions(seen.deployment) if each.get("reason") == _TOO_LATE]
    if late:
        words = f"the update did not finish in time: {_count(ready, wanted)}"
        if reason := _failure(seen, own, running=True):
            words = f"{words}; {reason.words}"
        return Observation(Phase.EXITED, words=words, error={"message": words})
    if ready >= wanted:
        return Observation(Phase.STARTING, ready=ready, words="ready; the nodes are to send it requests")
    words = _count(ready, wanted) if wanted > 1 else ""
    waiting = [pod for pod in own if not pod_facts.is_ready(pod)]
    if waiting:
        what = pod_facts.waits_for(waiting[0], seen.events.get(pod_facts.name_of(waiting[0]), ()))
        words = f"{words}; {what}" if words else what
    return Observation(Phase.STARTING, ready=ready, words=words or "waiting for the cluster")


def _not_ready(seen: Seen, key: str, url: str | None) -> Observation:
    """A revision that was rolled out, and of which no replica is ready now."""
    assert seen.deployment is not None
    own = seen.of(key)
    if message := _no_room(seen, own):
        return Observation(Phase.UNSCHEDULABLE, words=message)
    away = _away(seen, key)
    if not away and (failure := _failure(seen, own)):
        return Observation(Phase.EXITED, words=failure.words, error=failure.error)
    if seen.idles and url and not away and all(map(pod_facts.is_first_start, own)):
        return Observation(Phase.STARTING, url=url, words=_waking(seen, own))
    words = _count(0, wanted_replicas(seen.deployment)) + away
    last = next(filter(None, map(pod_facts.failure, own)), None)
    if last is not None and not away:
        words = f"{words}; restarting: {last.words}"
    elif url is None:
        words = _NO_INTERCEPTOR if seen.idles else "the Service has no address yet"
    return Observation(Phase.RUNNING, url=url, words=words + _changed(seen.deployment))


def _waking(seen: Seen, own: Sequence[Object]) -> str:
    """What the first replica waits for, of a service that was idle until a request came."""
    if not own:
        return "a request starts it"
    events = seen.events.get(pod_facts.name_of(own[0]), ())
    return f"a request starts it: {pod_facts.waits_for(own[0], events)}"


def _failure(seen: Seen, own: Sequence[Object], *, running: bool = False) -> Failure | None:
    """Why a pod is down; with ``running``, also why one was down that runs again."""
    for pod in own:
        name = pod_facts.name_of(pod)
        is_explained = name in seen.events or not seen.events  # of many pods in trouble, only some are
        found = pod_facts.image_problem(pod, seen.events.get(name, ())) if is_explained else None
        if found is None and (running or not pod_facts.runs(pod)):
            found = pod_facts.failure(pod)
        if found is not None:
            return found
    return None


def _changed(deployment: Object) -> str:
    """What others have changed of the Deployment, as the end of a sentence."""
    words = drift.words_of(deployment)
    return f"; {words} of the Deployment" if words else ""


def _away(seen: Seen, key: str) -> str:
    """Which nodes of its pods do not answer, as the end of a sentence; empty if all do.

    A pod that is to end stays there for as long as its node is away.
    """
    own = [pod for pod in seen.pods if pod_facts.key_of(pod) == key and not pod_facts.is_ready(pod)]
    names = sorted({pod_facts.node_of(pod) for pod in own} & {*seen.away})
    if not names:
        return ""
    named = f"node {names[0]!r} does" if len(names) == 1 else f"nodes {', '.join(map(repr, names))} do"
    return f"; {named} not answer, and its replicas are started on others"


def _no_room(seen: Seen, own: Sequence[Object]) -> str:
    """Why a pod has no node, or cannot even be created; empty if all have one."""
    assert seen.deployment is not None
    message = next(filter(None, map(pod_facts.unschedulable, own)), "")
    if message:
        return f"{message.rstrip('.')}; {seen.room}" if seen.room else message
    refused = [each for each in _conditions(seen.deployment) if each["type"] == "ReplicaFailure"]
    return str(refused[0].get("message", "")) if refused and refused[0].get("status") == "True" else ""


def _conditions(deployment: Object) -> Sequence[Object]:
    return (deployment.get("status") or {}).get("conditions") or ()


def _count(ready: int, wanted: int) -> str:
    noun = "replica" if wanted == 1 else "replicas"
    return f"{ready} of {wanted} {noun} ready"


def _cores(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
