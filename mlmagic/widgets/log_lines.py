"""The lines of a service's log, or of its events, for `%logs` and ``mlmagic service logs``."""

from __future__ import annotations

from collections.abc import Iterator

from mlmagic.engine.engine import Engine
from mlmagic.widgets.cards import event_line


def log_lines(
    engine: Engine, service: str, count: int, *, follow: bool = False, events: bool = False
) -> Iterator[str]:
    """The last ``count`` lines; with ``follow``, also those to come. Raises `NotFound`."""
    if events:
        engine.services.get(service)
        return iter([event_line(event) for event in engine.events.newest(count, service)])
    return engine.services.logs(service, tail=count, follow=follow)
