"""Machine ownership: a team's workspace also lists services that belong to other machines.

What is only recorded (stop, start, delete) can be requested anywhere; the service's machine carries it out.
What needs its process or its folder can be done on that machine only.
"""

from __future__ import annotations

from typing import Any

from mlmagic.core.webservice import Webservice
from mlmagic.errors import UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace.identity import machine
from mlmagic.workspace.memory import Memory


def machine_for(memory: Memory, target: ComputeTarget[Any]) -> str | None:
    """The machine that a new service on ``target`` belongs to; None for any.

    A workspace in a folder belongs to no machine: folders are moved, and host names change.
    """
    return machine() if target.runs_on_this_machine() and memory.is_shared else None


def is_owned_here(service: Webservice) -> bool:
    """Whether the service belongs to this machine, or to none."""
    return service.machine in (None, machine())


def owned_here(service: Webservice, operation: str) -> Webservice:
    """The service; raises `UsageError` if it belongs to another machine, where alone it can be done."""
    if not is_owned_here(service):
        raise UsageError(
            f"cannot {operation} {service.name!r} from this machine ({machine()}): "
            f"it runs on {service.machine}, with target {service.target!r}",
            hint="Do it there, or deploy it here under another name.",
        )
    return service
