"""The header traceparent, by the cases of W3C Trace Context."""

from __future__ import annotations

import re

import pytest

from mlmagic.scoring.telemetry.trace_context import context_of

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "is_sampled"),
    [
        (b"00-%s-%s-01" % (TRACE, SPAN), True),
        (b"00-%s-%s-00" % (TRACE, SPAN), False),
        (b" 00-%s-%s-03 " % (TRACE, SPAN), True),
        (b"cc-%s-%s-01-what-the-future-will-be" % (TRACE, SPAN), True),
    ],
)
def test_a_request_is_part_of_its_callers_trace(header: bytes, is_sampled: bool) -> None:
    context = context_of(header)
    assert (context.trace_id, context.parent_id) == (TRACE.decode(), SPAN.decode())
    assert re.fullmatch("[0-9a-f]{16}", context.span_id)
    assert context.span_id != context.parent_id
    assert context.is_sampled is is_sampled


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"00",
        b"00-%s-%s" % (TRACE, SPAN),
        b"00-%s-%s-01-more" % (TRACE, SPAN),
        b"ff-%s-%s-01" % (TRACE, SPAN),
        b"00-%s-%s-01" % (TRACE.upper(), SPAN),
        b"00-%s-%s-01" % (b"0" * 32, SPAN),
        b"00-%s-%s-01" % (TRACE, b"0" * 16),
        b"00-%s-%s-0x" % (TRACE, SPAN),
        b"00-%s-%s-01, 00-%s-%s-01" % (TRACE, SPAN, TRACE, SPAN),
    ],
)
def test_without_a_valid_header_a_trace_begins(header: bytes | None) -> None:
    context = context_of(header)
    assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
    assert (context.parent_id, context.is_sampled) == ("", True)
    assert context.trace_id != TRACE.decode()
