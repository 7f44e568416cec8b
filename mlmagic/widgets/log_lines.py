"""The lines of services' logs, or of a service's events, for `%logs` and ``mlmagic service logs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlmagic.core.log_arguments import filter_of
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.widgets.cards import event_line


def log_lines(
    engine: Engine,
    services: Sequence[str],
    count: int,
    filters: Mapping[str, Any],
    *,
    of_all: bool = False,
    follow: bool = False,
    events: bool = False,
) -> Iterator[str]:
    """The last ``count`` lines; with ``follow``, also those to come.

    ``filters`` are the texts of the options of `mlmagic.core.log_arguments`. Raises `NotFound`,
    `InvalidConfig`, and `UsageError` for options that exclude each other.
    """
    wanted = filter_of(filters, datetime.now(UTC))
    if of_all is bool(services):
        problem = "--all and names exclude each other" if of_all else "no service is named"
        raise UsageError(problem, hint="Name services, or give --all.")
    if follow and wanted.until is not None:
        raise UsageError("--follow and --until exclude each other", hint="A followed log has no end.")
    if not events:
        return engine.logs.lines(services, count, wanted, follow=follow)
    if of_all or len(services) > 1 or not wanted.is_empty:
        hint = "Name one service, and leave out the filters."
        raise UsageError("--events shows the events of one service, all of them", hint=hint)
    engine.services.get(services[0])
    return iter([event_line(event) for event in engine.events.newest(count, services[0])])
