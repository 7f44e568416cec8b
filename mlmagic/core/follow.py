"""A service that follows a model: which version it takes on next, and when.

A version counts when it is registered, or when it gets the tag that is followed later; each at most once,
however it ends. Only newer versions are taken on: of several that wait, the newest; and a service never goes
back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.errors import InvalidConfig


class FollowState(StrEnum):
    """Where a version stands with a service that follows its model."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Follow:
    """A service takes on the new versions of a model."""

    service: str
    model: str
    tag: str | None = None
    """``key=value`` that a version must have; None: every version."""
    last: str = ""
    """What became of the version that was tried last, in words."""

    def wants(self, tags: Mapping[str, str]) -> bool:
        """Whether a version with these tags is taken on."""
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
    """These model ids, with another version of one model, each where it was."""
    return [f"{name}:{version}" if ModelReference.parse(model).name == name else model for model in models]


def choose(waiting: Sequence[int], served: int | None) -> tuple[int | None, list[int]]:
    """The version to take on (None: none) and those to pass over, of those that wait."""
    newest = max(waiting, default=None)
    if newest is None:
        return None, []
    chosen = newest if served is not None and newest > served else None
    return chosen, sorted(version for version in waiting if version != chosen)


def is_ready(service: Webservice) -> bool:
    """Whether a service can take on another version now: it is meant to run, and nothing is under way."""
    settled = service.state in (State.HEALTHY, State.UNHEALTHY, State.FAILED)
    return (
        service.desired is Desired.RUNNING and settled and service.candidate is None and not service.retiring
    )
