"""Names that are looked for in each request; this module imports nothing."""

from __future__ import annotations

HEADER, STATE = b"traceparent", b"tracestate"
"""The headers of W3C Trace Context."""
MODULE = "opentelemetry.trace"
"""Imported by a script that uses the current span."""
