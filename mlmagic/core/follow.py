"""Follow a model: choose the next version that a service is updated to.

A version is considered when it is registered, or when it gets the followed tag later; each at most once,
whatever the result. Only newer versions are deployed, and the newest of several that wait; a service never
returns to an older version by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.errors import InvalidConfig


class FollowState(StrEnum):
    """The state of a model version for a service that follows the model."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Follow:
    """A service that is updated to each new version of a model."""

    service: str
    model: str
    tag: str | None = None
    """``key=value`` that a version must have; None: every version."""
    last: str = ""
    """A message on the last version that was tried."""

    def wants(self, tags: Mapping[str, str]) -> bool:
        """Whether the service is updated to a version with these tags."""
        if self.tag is None:
            return True
        key, _, value = self.tag.partition("=")
        return tags.get(key) == value

    def __str__(self) -> str:
        tagged = f" with {self.tag}" if self.tag else ""
        return f"{self.service} follows {self.model}{tagged}"


def check_tag(tag: str | None) -> None:
    """Raises `InvalidConfig` unless it is ``key=value``."""
    if tag is not None and not (isinstance(tag, str) and all(tag.partition("=")[:2])):
        raise InvalidConfig("tag", tag, "must be KEY=VALUE", hint="For example stage=production.")


def served_version(models: Sequence[str], name: str) -> int | None:
    """The version of ``name`` among these model ids; None if it is not among them."""
    versions = [
        reference.version for reference in map(ModelReference.parse, models) if reference.name == name
    ]
    return max((version for version in versions if version is not None), default=None)


def with_version(models: Sequence[str], name: str, version: int) -> list[str]:
    """The model ids with another version of one model, in the same order."""
    return [f"{name}:{version}" if ModelReference.parse(model).name == name else model for model in models]


def choose(waiting: Sequence[int], served: int | None) -> tuple[int | None, list[int]]:
    """The version to update to (None: none) of those that wait, and the versions to skip."""
    newest = max(waiting, default=None)
    if newest is None:
        return None, []
    chosen = newest if served is not None and newest > served else None
    return chosen, sorted(version for version in waiting if version != chosen)


def is_ready(service: Webservice) -> bool:
    """Whether a service can be updated now: it is to run, and no other change is in progress."""
    settled = service.state in (State.HEALTHY, State.UNHEALTHY, State.FAILED)
    return (
        service.desired is Desired.RUNNING and settled and service.candidate is None and not service.retiring
    )
