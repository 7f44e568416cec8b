"""The span of run() as the current span of opentelemetry-api, where the script uses it.

Spans that the script makes belong to it then, and so do requests that an instrumented client sends for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from mlmagic.scoring.telemetry.names import MODULE
from mlmagic.scoring.telemetry.trace_context import TraceContext

_token: ContextVar[Any] = ContextVar("token", default=None)


class CurrentSpan:
    """Sets the current span of this thread, or task."""

    def __init__(self) -> None:
        """Raises `ImportError` without the package."""
        import opentelemetry.context
        import opentelemetry.trace

        self._context, self._trace = opentelemetry.context, opentelemetry.trace

    def enter(self, span: TraceContext) -> None:
        """From now on it is ``span``."""
        trace = self._trace
        described = trace.SpanContext(
            int(span.trace_id, 16),
            int(span.span_id, 16),
            is_remote=False,
            trace_flags=trace.TraceFlags(int(span.is_sampled)),
            trace_state=trace.TraceState.from_header([span.state]) if span.state else None,
        )
        current = trace.set_span_in_context(trace.NonRecordingSpan(described))
        _token.set(self._context.attach(current))

    def leave(self) -> None:
        """From now on it is the one from before."""
        token = _token.get()
        if token is not None:
            _token.set(None)
            self._context.detach(token)


class CurrentSpanIfUsed:
    """The same, once the script has imported opentelemetry: before, nobody asks for the current span."""

    def __init__(self) -> None:
        self._current: CurrentSpan | None = None

    @property
    def is_used(self) -> bool:
        """Whether the script has imported it."""
        return self._current is not None or sys.modules.get(MODULE) is not None

    def enter(self, span: Callable[[], TraceContext]) -> None:
        """From now on it is what ``span`` returns."""
        if not self.is_used:
            return
        if self._current is None:
            self._current = CurrentSpan()
        self._current.enter(span())

    def leave(self) -> None:
        """From now on it is the one from before."""
        if self._current is not None:
            self._current.leave()
