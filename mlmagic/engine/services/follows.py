"""Continuous deployment: services that follow a model, and so are updated to each new version of it."""

from __future__ import annotations

from collections.abc import Callable

from mlmagic.core.follow import Follow, check_tag, served_version
from mlmagic.core.names import check_model_name
from mlmagic.errors import UsageError
from mlmagic.workspace import follows, services
from mlmagic.workspace.memory import Memory


class Follows:
    """Which services follow which models."""

    def __init__(self, memory: Memory, supervise: Callable[[], None]) -> None:
        """``supervise`` makes sure that a supervisor runs, which does the updates."""
        self._memory, self._supervise = memory, supervise

    def add(self, service: str, model: str, tag: str | None = None) -> Follow:
        """Update a service to each new version of a model that it serves, from now on.

        With ``tag`` (``key=value``), to each version that is registered with it, or gets it later. Each
        version is tried once, never an older one than is served; see `mlmagic.core.follow`.
        """
        check_model_name(model)
        check_tag(tag)
        follow = Follow(service, model, tag)
        with self._memory.writing() as tx:
            record = services.get(tx, service)
            if served_version(record.models, model) is None:
                raise UsageError(
                    f"{service!r} does not serve {model!r}, so it cannot follow it",
                    hint=f"It serves {', '.join(record.models) or 'no model'}.",
                )
            follows.put(tx, record, follow)
        self._supervise()
        return follow

    def remove(self, service: str, model: str | None = None) -> list[Follow]:
        """Stop following a model (without one: any model); raises `NotFound` if it was not followed."""
        with self._memory.writing() as tx:
            return follows.end(tx, services.get(tx, service), model)

    def list(self, service: str | None = None) -> list[Follow]:
        """Which services follow which models, with the outcome of the last version."""
        with self._memory.reading() as tx:
            found = services.list_services(tx) if service is None else [services.get(tx, service)]
            return [follow for each in found for follow in follows.of_service(tx, each)]
