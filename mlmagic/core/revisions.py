"""The history of a service: its revisions, what changed with each, and which one a rollback goes back to.

A revision that was replaced is kept in the history without its process and its folder. `to_forget` decides
how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.compiled_models import parts_of
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Revision, State, Webservice

KEPT = 10
"""So many former revisions are kept that were Healthy, and as many that never were."""
DEPLOYED = "deployed"
RESTART = "restart"
_LABELS = ("tags", "properties", "description")
_KEYS = ("primary_key", "secondary_key")
_OPTIONS = {row.field: row.option[2:] for row in ARGUMENTS.values() if row.field and row.options}


@dataclass(frozen=True, slots=True)
class RecordedRevision:
    """A revision with its history."""

    revision: Revision
    created_time: float | None = None
    """Seconds since the epoch; None for a revision that an earlier version of mlmagic has recorded."""
    healthy_time: float | None = None
    """When it was Healthy for the first time; None if it never was."""
    change: str = ""
    """What changed from the revision before."""
    rollback_of: int | None = None
    """The earlier revision that it was copied from by a rollback."""
    retired: bool = False
    """Whether it was replaced: it has neither a process nor a folder any more."""

    @property
    def number(self) -> int:
        return self.revision.number


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """A revision of a service, as lists show it."""

    number: int
    status: str
    """Serving, Was Healthy or Never Healthy; of the present one also Starting, Stopped or Failed."""
    created_time: float | None
    """Seconds since the epoch; None if unknown."""
    healthy_time: float | None
    """When it was Healthy for the first time; None if it never was."""
    models: tuple[str, ...]
    """``name:version`` of each model."""
    script: str
    """The name of the captured script, else its file."""
    target: str
    change: str
    """What changed from the revision before."""
    rollback_of: int | None
    """The earlier revision that it is a copy of; None unless a rollback has created it."""

    @property
    def is_serving(self) -> bool:
        return self.status == "Serving"

    @property
    def was_healthy(self) -> bool:
        """Whether it has ever been Healthy."""
        return self.healthy_time is not None


def summary_of(recorded: RecordedRevision, service: Webservice) -> RevisionSummary:
    """What lists show of a revision of ``service``."""
    revision = recorded.revision
    return RevisionSummary(
        revision.number,
        _status(recorded, service),
        recorded.created_time,
        recorded.healthy_time,
        revision.models,
        revision.inference.captured_as or revision.inference.entry_script,
        revision.config.target,
        recorded.change,
        recorded.rollback_of,
    )


def _status(recorded: RecordedRevision, service: Webservice) -> str:
    if recorded.number == service.serving:
        return "Serving"
    if recorded.number == service.revision:
        return str(service.state) if service.state in (State.STOPPED, State.FAILED) else "Starting"
    return "Was Healthy" if recorded.healthy_time is not None else "Never Healthy"


def previous_healthy(history: Iterable[RecordedRevision], wanted: int) -> int | None:
    """The last revision before ``wanted`` that was Healthy and has other content; None if there is none.

    A restart copies its revision, so going back to that would change nothing.
    """
    by_number = {each.number: each for each in history}
    now = by_number.get(wanted)
    return max(
        (
            number
            for number, each in by_number.items()
            if number < wanted
            and each.healthy_time is not None
            and (now is None or content_of(each.revision) != content_of(now.revision))
        ),
        default=None,
    )


def to_forget(history: Sequence[RecordedRevision], kept: int = KEPT) -> list[int]:
    """The numbers of the former revisions to forget, so that ``kept`` remain that were Healthy or never were.

    One whose content is there again under a higher number is forgotten first, then the oldest.
    """
    former = [each for each in history if each.retired]
    found: list[int] = []
    for was_healthy in (True, False):
        of_kind = [each for each in former if (each.healthy_time is not None) is was_healthy]
        excess = len(of_kind) - kept
        if excess > 0:
            newest = {id(each) for each in _newest_of_each_content(history)}
            of_kind.sort(key=lambda each: (id(each) in newest, each.number))
            found += [each.number for each in of_kind[:excess]]
    return sorted(found)


def _newest_of_each_content(history: Iterable[RecordedRevision]) -> list[RecordedRevision]:
    kept: list[RecordedRevision] = []
    for each in sorted(history, key=lambda one: one.number, reverse=True):
        if all(content_of(each.revision) != content_of(other.revision) for other in kept):
            kept.append(each)
    return kept


def content_of(revision: Revision) -> tuple[Any, ...]:
    """What a revision serves and how: all but its number, and the labels and replicas of its service."""
    config = replace(
        revision.config.without_keys(), tags={}, properties={}, description="", num_replicas=None
    )
    content = revision.models, revision.inference, revision.files, config, revision.python
    return *content, parts_of(revision.compiled)


def change_between(before: Revision | None, after: Revision) -> str:
    """What changed from one revision to the next, in a few words; values of settings are not named."""
    if before is None:
        return DEPLOYED
    parts = []
    if before.models != after.models:
        parts.append(f"models {', '.join(after.models)}" if after.models else "no models")
    if (before.inference.entry_script, before.files) != (after.inference.entry_script, after.files):
        parts.append("script")
    if before.inference.environment != after.inference.environment:
        parts.append("environment")
    elif before.python != after.python:
        parts.append("Python interpreter")
    if before.config.target != after.config.target:
        parts.append(f"target {after.config.target}")
    settings = _settings_changed(before.config, after.config)
    if settings:
        parts.append(", ".join(settings))
    return "; ".join(parts) or "no change"


def _settings_changed(before: DeploymentConfig, after: DeploymentConfig) -> list[str]:
    """The options of the settings that differ, labels last."""
    names = [each.name for each in fields(DeploymentConfig) if each.name not in ("target", *_KEYS)]
    names.sort(key=lambda name: name in _LABELS)
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return [_OPTIONS.get(name, name.replace("_", " ")) for name in changed]
