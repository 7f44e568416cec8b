"""What a page has opened: the live content of a service or of a workspace, and its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.model import ModelFilter
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound, UsageError
from mlmagic.widgets.calls import outcome
from mlmagic.widgets.live_table import LiveTable
from mlmagic.widgets.models_grid.live_models import LiveModels
from mlmagic.widgets.profiles_grid.live_profiles import LiveProfiles
from mlmagic.widgets.runs_grid.live_runs import LiveRuns
from mlmagic.widgets.service_card.live_service import LiveService
from mlmagic.widgets.services_grid.live_services import LiveServices
from mlmagic.workspace.known_workspaces import with_key

Changed = Callable[[dict[str, Any]], None]
"""Gets values that have changed, by name, in any thread."""


class Feed:
    """The content for one component. To open it, to call and to close may block: not for an event loop."""

    def __init__(self, wanted: Mapping[str, Any], notebook_folder: Path | None, changed: Changed) -> None:
        """Open what ``wanted`` names: a ``workspace`` by its key, and in it a ``service`` by name and ``id``.

        Raises `NotFound`, `UsageError`, `WorkspaceUnavailable`.
        """
        engine = Engine.of(with_key(str(wanted.get("workspace")), notebook_folder))
        self._content, self._close = _content(engine, wanted)
        self._content.observe(lambda change: changed({change.name: change.new}), self._names())

    def values(self) -> dict[str, Any]:
        """All values, by name."""
        return {name: getattr(self._content, name) for name in self._names()}

    def call(self, verb: object, values: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a call; returns its ``value``, or the ``error`` as text."""
        return outcome(self._content.answers, verb, values)

    def close(self) -> None:
        """Stop the updates."""
        self._content.unobserve_all()
        self._close()

    def _names(self) -> list[str]:
        return list(self._content.traits(sync=True))


def _content(
    engine: Engine, wanted: Mapping[str, Any]
) -> tuple[LiveService | LiveServices | LiveTable, Callable[[], None]]:
    """The content, and how to close it."""
    component = wanted.get("component")
    if component == "services":
        services = LiveServices(engine, engine.services.list())
        return services, services.close_table
    if component in ("models", "profiles", "runs"):
        table = _table(engine, component, wanted.get("filter"))
        return table, table.close_table
    if component != "service":
        raise UsageError(
            f"unknown component {component!r}",
            hint="Load the page again: mlmagic is another version.",
        )
    service = engine.services.get(str(wanted.get("service")))
    if service.id != wanted.get("id"):
        raise NotFound("service", service.name, hint="It was deleted; another service now has its name.")
    card = LiveService(engine, service)
    return card, card.close_card


def _table(engine: Engine, component: str, wanted: object) -> LiveTable:
    if component == "models":
        return LiveModels(engine, _filter_of(wanted))
    return LiveProfiles(engine) if component == "profiles" else LiveRuns(engine)


def _filter_of(values: object) -> ModelFilter:
    """The filter of a saved table; what is unknown is ignored, as another release may have written it."""
    given = values if isinstance(values, Mapping) else {}

    def text(name: str) -> str | None:
        return given[name] if isinstance(given.get(name), str) else None

    def labels(name: str) -> tuple[str, ...]:
        return tuple(map(str, given[name])) if isinstance(given.get(name), list) else ()

    return ModelFilter(
        text("name"),
        labels("tags"),
        labels("properties"),
        text("framework"),
        given.get("latest") is True,
        text("run_id"),
    )
