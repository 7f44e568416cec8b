"""A pod, as the API describes it: whether it answers, what it waits for, why it failed. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmagic.targets import exits
from mlmagic.targets.kubernetes.objects import CONTAINER, KEY

Object = Mapping[str, Any]

_BACK_OFF = "ImagePullBackOff"
NO_IMAGE = frozenset({_BACK_OFF, "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
"""Reasons why an image cannot be had. ``ErrImagePull`` is not one: another attempt follows."""
_ATTEMPTS = 2
"""So often an image is pulled in vain: the first time, its registry or a new Secret may not be there yet."""
_SUFFIXES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pod does not run. ``error`` is the record of the script's failure, or has a message alone."""

    words: str
    error: Mapping[str, Any]


def name_of(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def node_of(pod: Object) -> str:
    """The name of its node; empty without one."""
    return str(pod["spec"].get("nodeName") or "")


def key_of(pod: Object) -> str:
    """The key of its revision."""
    return str((pod["metadata"].get("labels") or {}).get(KEY, ""))


def is_ending(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: Object) -> bool:
    """Whether it answers requests, and is to go on doing so."""
    return not is_ending(pod) and _condition(pod, "Ready").get("status") == "True"


def restarts(pod: Object) -> int:
    return int(_container(pod).get("restartCount") or 0)


def unschedulable(pod: Object) -> str:
    """The scheduler's message about a pod without a node; empty for one that has a node."""
    condition = _condition(pod, "PodScheduled")
    if condition.get("status") == "False" and condition.get("reason") == "Unschedulable":
        return str(condition.get("message") or "no node has room for it")
    return ""


def image_problem(pod: Object, events: Iterable[Object]) -> Failure | None:
    """Why its image cannot be had, once Kubernetes has tried in vain.

    ``events`` are those of the pod; none, if this user may not read them.
    """
    waiting = _next_container(pod).get("state", {}).get("waiting") or {}
    if waiting.get("reason") not in NO_IMAGE:
        return None
    known = list(events)
    attempts, reason = _failed_pulls(pod, known)
    if waiting["reason"] == _BACK_OFF and known and attempts < _ATTEMPTS:
        return None
    reason = reason or str(waiting.get("message") or "")
    image = image_of(pod)
    words = f"image {image!r} cannot be pulled ({waiting['reason']}): {_first_line(reason)}"
    hint = "Check that the nodes can pull from its registry; a private one needs MLMAGIC_PULL_SECRET."
    return Failure(words, {"message": words, "hint": hint})


def _failed_pulls(pod: Object, events: Iterable[Object]) -> tuple[int, str]:
    """How often the image could not be pulled, and why the last time; ``events`` are those of the pod."""
    attempts, reason, image = 0, "", image_of(pod)
    for event in events:
        message = str(event.get("message", ""))
        if event.get("reason") == "Failed" and image in message and ": " in message:
            attempts, reason = attempts + int(event.get("count") or 1), message
    return attempts, reason


def failure(pod: Object) -> Failure | None:
    """Why its container ended the last time; None if it never ended."""
    status = _next_container(pod)
    ended = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
    if not ended:
        return None
    if ended.get("reason") == "OOMKilled":
        words = exits.out_of_memory(memory_limit(pod))
        return Failure(words, {"message": words, "hint": exits.MEMORY_HINT})
    message = str(ended.get("message") or "").strip()
    record = _record(message)
    if record:
        return Failure(str(record.get("message", "")), record)
    words = exits.ended_with(int(ended.get("exitCode") or 0))
    last = message.splitlines()[-1:]
    if last:
        words = f"{words}: {last[0].strip()}"
    return Failure(words, {"message": words, "traceback": message} if message else {"message": words})


def runs(pod: Object) -> bool:
    """Whether its container runs at the moment, ready or not."""
    return "running" in _container(pod).get("state", {})


def is_first_start(pod: Object) -> bool:
    """Whether its container has not come up yet, for the first time."""
    return not restarts(pod) and not _container(pod).get("started") and not has_ended(pod)


def has_ended(pod: Object) -> bool:
    """Whether its container has ended, and is not just being created."""
    state = _next_container(pod).get("state", {})
    return "terminated" in state or bool("waiting" in state and failure(pod))


def waits_for(pod: Object, events: Sequence[Object]) -> str:
    """What a pod that is starting waits for; ``events`` are those of the pod, in any order."""
    if runs(pod):
        return "running init()"
    status = _next_container(pod)
    if not status:
        return "waiting for a node"
    if "running" in status.get("state", {}):
        return "unpacking its files"
    waiting = status.get("state", {}).get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    if reason in ("ErrImagePull", _BACK_OFF):
        why = _failed_pulls(pod, events)[1] or str(waiting.get("message") or "")
        return f"pulling image {image_of(pod)!r} again: {_first_line(why)}"
    if reason not in ("", "ContainerCreating", "PodInitializing"):
        return f"{reason}: {_first_line(str(waiting.get('message') or ''))}".rstrip(": ")
    seen = {str(event.get("reason")) for event in events}
    if "Pulling" in seen and "Pulled" not in seen:
        return f"pulling image {image_of(pod)!r}"
    if problem := next((each for each in events if each.get("reason") == "FailedMount"), None):
        return _first_line(str(problem.get("message", "")))
    return "starting the container"


def image_of(pod: Object) -> str:
    return next((str(each["image"]) for each in pod["spec"]["containers"] if each["name"] == CONTAINER), "")


def memory_limit(pod: Object) -> int:
    """The limit of its container in bytes; 0 without one."""
    for each in pod["spec"]["containers"]:
        if each["name"] == CONTAINER:
            return quantity((each.get("resources", {}).get("limits") or {}).get("memory", "0"))
    return 0


def quantity(text: str) -> int:
    """A quantity of memory in bytes, such as 256Mi."""
    for suffix, factor in _SUFFIXES.items():
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * factor)
    return int(float(text))


def _container(pod: Object) -> Object:
    found = pod.get("status", {}).get("containerStatuses") or ()
    return next((each for each in found if each["name"] == CONTAINER), {})


def _next_container(pod: Object) -> Object:
    """The status of the container that the pod waits for: the server's, or one that runs before it."""
    for each in pod.get("status", {}).get("initContainerStatuses") or ():
        ended = each.get("state", {}).get("terminated")
        if ended is None or ended.get("exitCode"):
            found: Object = each
            return found
    return _container(pod)


def _condition(pod: Object, kind: str) -> Object:
    conditions = pod.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def _record(message: str) -> Mapping[str, Any]:
    """The server's own record, which is JSON; other messages are the last lines of the log."""
    try:
        found = json.loads(message) if message.startswith("{") else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "message" in found else {}


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
