"""Spans of work that is no request: a batch job, and its calls of run().

The caller's span is the current span of opentelemetry-api, or what the environment variables TRACEPARENT and
TRACESTATE name.

Source: https://opentelemetry.io/docs/specs/otel/context/env-carriers/
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.current_span import CurrentSpanIfUsed
from mlmagic.scoring.telemetry.destination import (
    TRACES,
    Destination,
    InvalidDestination,
    destination,
    is_disabled,
    replica,
    resource,
)
from mlmagic.scoring.telemetry.names import MODULE
from mlmagic.scoring.telemetry.otlp import INTERNAL, Span, Value
from mlmagic.scoring.telemetry.trace_context import TraceContext, context_of

if TYPE_CHECKING:
    from mlmagic.scoring.telemetry.exporter import ExporterHere

PARENT_VARIABLE, STATE_VARIABLE = "TRACEPARENT", "TRACESTATE"
_LONGEST = 512
"""Characters of a header that is passed on: as much as W3C Trace Context asks for."""


def variables_of_caller(fields: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a process that does what a request asks for, by the request's headers."""
    found = {name: fields.get(name.lower(), "") for name in (PARENT_VARIABLE, STATE_VARIABLE)}
    return {name: value for name, value in found.items() if 0 < len(value) <= _LONGEST}


@dataclass(slots=True)
class Work:
    """Something that has a span."""

    context: TraceContext
    attributes: dict[str, Value] = field(default_factory=dict)
    failed: bool = False

    def variables(self) -> dict[str, str]:
        """The environment variables of processes that do a part of it."""
        state = {STATE_VARIABLE: self.context.state} if self.context.state else {}
        return {PARENT_VARIABLE: self.context.header(), **state}


class JobSpans:
    """The spans of one process, which are sent if the environment names a collector."""

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        """``name`` is that of the service in the spans, unless the environment has one."""
        self._caller = _caller(environment)
        self._current = CurrentSpanIfUsed()
        to = _destination(environment)
        self._exporter = None if to is None else _exporter(to, {"SERVICE_NAME": name, **environment})

    @contextmanager
    def span(self, name: str, **attributes: Value) -> Iterator[Work]:
        """Something that is done now, below the caller's span."""
        work = Work(context_of(*self._caller), dict(attributes))
        start = time.time_ns()
        self._current.enter(lambda: work.context)
        try:
            yield work
        except BaseException:
            work.failed = True
            raise
        finally:
            self._current.leave()
            if self._exporter is not None and work.context.is_sampled:
                end = time.time_ns()
                span = Span(work.context, name, start, end, work.attributes, work.failed, INTERNAL)
                self._exporter.add(span)

    def close(self) -> None:
        """Send what is left."""
        if self._exporter is not None:
            self._exporter.close()


def _exporter(to: Destination, environment: Mapping[str, str]) -> ExporterHere:
    from mlmagic.scoring.telemetry.exporter import ExporterHere
    from mlmagic.scoring.telemetry.sender import Sender

    described = {**replica(), **resource(environment)}
    return ExporterHere("traces", to.url, Sender(to, partial(otlp.traces, described)))


def _destination(environment: Mapping[str, str]) -> Destination | None:
    if is_disabled(environment):
        return None
    try:
        return destination(environment, TRACES)
    except InvalidDestination as error:
        print(f"mlmagic: no traces are sent: {error}", file=sys.stderr, flush=True)
        return None


def _caller(environment: Mapping[str, str]) -> tuple[bytes | None, bytes | None]:
    """The headers of the caller's span."""
    trace = sys.modules.get(MODULE)
    if trace is not None:
        found = trace.get_current_span().get_span_context()
        if found.is_valid:
            ids = f"{found.trace_id:032x}", f"{found.span_id:016x}"
            parent = TraceContext(*ids, is_sampled=found.trace_flags.sampled).header()
            return parent.encode(), found.trace_state.to_header().encode() or None
    header, state = environment.get(PARENT_VARIABLE), environment.get(STATE_VARIABLE)
    return (header.encode() if header else None), (state.encode() if state else None)
