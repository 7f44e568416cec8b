"""Reads the logs of services: of one or of several, all lines or those of a filter, once or as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from mlmagic.core.log_lines import LogFilter, TimedLine, read_lines
from mlmagic.engine.services.services import Services
from mlmagic.errors import MLMagicError, UsageError
from mlmagic.targets.merged_logs import arriving, in_order

MOST_READ = 1_000_000
"""Lines of each log that are looked through for those of a filter."""
ALL = LogFilter()


class Logs:
    """The logs of a workspace's services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def lines(
        self, names: Sequence[str], count: int, wanted: LogFilter = ALL, *, follow: bool = False
    ) -> Iterator[str]:
        """The last ``count`` of the ``wanted`` lines of these services, or of all services without ``names``.

        Lines of several services are in the order of their times, each after the name of its service. With
        ``follow``, the lines to come too, as they come; those before are the wanted ones among the last
        ``count``, or those from the filter's time on. Raises `NotFound`, and `UsageError` for a filter by
        time if the times are not known. Of all services, a log that cannot be read says so in a line.
        """
        logs = self._open(names, count, wanted, follow=follow)
        if len(logs) == 1:
            ((_, only),) = logs.items()
            texts = (line.text for line in only)
        else:
            width = max(map(len, logs), default=0)
            found = arriving(logs) if follow else in_order(logs)
            texts = (f"{name:<{width}} | {line.text}" for name, line in found)
        return texts if follow else iter(deque(texts, maxlen=count))

    def _open(
        self, names: Sequence[str], count: int, wanted: LogFilter, *, follow: bool
    ) -> dict[str, Iterator[TimedLine]]:
        """The wanted lines by service. Errors of services that are named are raised."""
        has_beginning = follow and wanted.since is None
        tail = count if wanted.is_empty or has_beginning else MOST_READ
        if names:
            return {
                name: self._wanted(name, wanted, self._services.timed_logs(name, tail=tail, follow=follow))
                for name in dict.fromkeys(names)
            }
        return {name: self._readable(name, wanted, tail, follow=follow) for name in self._services.names()}

    def _readable(self, name: str, wanted: LogFilter, tail: int, *, follow: bool) -> Iterator[TimedLine]:
        """The wanted lines, and a line if the log cannot be read."""
        try:
            yield from self._wanted(name, wanted, self._services.timed_logs(name, tail=tail, follow=follow))
        except MLMagicError as error:
            yield TimedLine(None, f"mlmagic: this log cannot be read: {error.message}")

    def _wanted(self, name: str, wanted: LogFilter, lines: Iterator[TimedLine]) -> Iterator[TimedLine]:
        is_timed, is_empty = False, True
        for line in read_lines(lines):
            is_timed, is_empty = is_timed or line.time is not None, False
            if wanted.accepts(line):
                yield TimedLine(line.time, line.text)
        if wanted.needs_times and not is_timed and not is_empty:
            raise UsageError(
                f"the log of {name!r} does not say when its lines were written",
                hint="If an earlier version of mlmagic has started it, restart it. Or leave out the times.",
            )
