"""The record of a revision: the objects that were applied for it, which its Secret keeps. Pure functions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from mlmagic.targets.kubernetes import idle_scaling
from mlmagic.targets.kubernetes.api import Object

RECORD = "objects.json"
"""The entry of a Secret with the objects of its revision, which the container does not see."""
AUTOSCALER = "HorizontalPodAutoscaler"


def record_of(secret: Object) -> list[Object]:
    """The objects that were applied for the revision of a Secret."""
    return list(json.loads(base64.b64decode(secret["data"][RECORD])))


def scaled(recorded: Iterable[Object], replicas: int) -> list[Any]:
    """The objects of a revision with so many replicas, without an autoscaler.

    Of one that idles so many run at most.
    """
    recorded = list(recorded)
    if idles(recorded):
        return [idle_scaling.scaled(each, replicas) for each in recorded]
    return [
        {**each, "spec": {**each["spec"], "replicas": replicas}} if each["kind"] == "Deployment" else each
        for each in recorded
        if each["kind"] != AUTOSCALER
    ]


def idles(recorded: Iterable[Object]) -> bool:
    """Whether KEDA scales the revision of which these are the objects."""
    return any(each["kind"] in idle_scaling.KINDS for each in recorded)
