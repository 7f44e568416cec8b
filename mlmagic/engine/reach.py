"""Which services can be reached from this machine: in a team's workspace there are those of other machines.

What is only written down (stop, start, delete) can be asked for anywhere; the service's own machine does it.
What needs its process or its folder can be done there only.
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

    A workspace that is a folder goes where the folder goes, and host names change: it binds nothing.
    """
    return machine() if target.runs_on_this_machine() and memory.is_shared else None


def is_within_reach(service: Webservice) -> bool:
    """Whether this machine can touch it."""
    return service.machine in (None, machine())


def within_reach(service: Webservice, verb: str) -> Webservice:
    """The service; raises `UsageError` if it is another machine's, where alone ``verb`` could be done."""
    if not is_within_reach(service):
        raise UsageError(
            f"cannot {verb} {service.name!r} from this machine ({machine()}): "
            f"it runs on {service.machine}, with target {service.target!r}",
            hint="Do it there, or deploy it here under another name.",
        )
    return service
