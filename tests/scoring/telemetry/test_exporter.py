"""Batches on their way to a collector, also to one that is busy or away."""

from __future__ import annotations

import socket
import time

import pytest

from mlmagic.scoring.telemetry import exporter as module
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.destination import Destination
from mlmagic.scoring.telemetry.exporter import ExporterHere
from mlmagic.scoring.telemetry.otlp import Line, Span
from mlmagic.scoring.telemetry.sender import Sender
from mlmagic.scoring.telemetry.trace_context import context_of
from tests.support.collector import attributes, collecting
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


def exporter_to(url: str) -> ExporterHere:
    place = Destination(f"{url}/v1/traces", {"api-key": "secret"}, 5.0)
    return ExporterHere(
        "traces", place.url, Sender(place, lambda spans: otlp.traces({"service.name": "svc"}, spans))
    )


def span(number: int = 1) -> Span:
    return Span(
        context_of(None), f"POST /score {number}", 1_000, 2_000, {"n": number, "path": "/ä\ud800"}, number > 1
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_spans_arrive_with_what_they_say(monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    monkeypatch.setattr(Destination, "is_compressed", compressed)
    with collecting() as collector:
        exporter = exporter_to(collector.url)
        sent = [span(1), span(2)]
        for each in sent:
            exporter.add(each)
        exporter.close()
    first, second = collector.spans
    assert first.trace_id.hex() == sent[0].context.trace_id
    assert first.span_id.hex() == sent[0].context.span_id
    assert (first.name, first.kind) == ("POST /score 1", 2)
    assert (first.start_time_unix_nano, first.end_time_unix_nano) == (1_000, 2_000)
    assert attributes(first) == {"n": 1, "path": "/ä?"}
    assert (first.status.code, second.status.code) == (0, 2)
    assert collector.resources == [{"service.name": "svc"}]
    assert collector.headers[0]["api-key"] == "secret"
    assert ("Content-Encoding" in collector.headers[0]) == compressed


def test_lines_arrive_with_their_stream_and_span() -> None:
    context = context_of(None)
    with collecting() as collector:
        place = Destination(f"{collector.url}/v1/logs", {}, 5.0)
        exporter = ExporterHere("lines", place.url, Sender(place, lambda lines: otlp.logs({}, lines)))
        exporter.add(Line(5, "hello", "stdout", {"mlmagic.request_id": "r"}, context))
        exporter.add(Line(6, "careful", "stderr", {}))
        exporter.close()
    hello, careful = collector.lines
    assert (hello.severity_text, careful.severity_text) == ("INFO", "WARN")
    assert attributes(hello) == {"log.iostream": "stdout", "mlmagic.request_id": "r"}
    assert hello.span_id.hex() == context.span_id
    assert careful.trace_id == b""


def test_a_busy_collector_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    with collecting() as collector:
        collector.statuses = [503, 429]
        exporter = exporter_to(collector.url)
        exporter.add(span())
        wait_for(lambda: collector.spans, "the span")
        exporter.close()
    assert collector.posts == 3


def test_what_is_refused_is_counted_in_the_log_and_not_sent_again(capfd: pytest.CaptureFixture[str]) -> None:
    with collecting() as collector:
        collector.statuses = [401]
        exporter = exporter_to(collector.url)
        exporter.add(span())
        wait_for(lambda: collector.posts, "the request")
        exporter.close()
    assert (collector.posts, collector.spans) == (1, [])
    told = capfd.readouterr().err
    assert f"mlmagic: 1 traces were not sent to {collector.url}: it answered 401" in told
    assert "secret" not in told


def test_a_collector_that_is_away_costs_little(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    exporter = exporter_to(url)
    for number in range(100):
        exporter.add(span(number))
    begun = time.monotonic()
    exporter.close()
    assert time.monotonic() - begun < module.CLOSE_SECONDS + 5
    told = capfd.readouterr().err
    lost = sum(int(line.split()[1]) for line in told.splitlines() if "were not sent" in line)
    assert lost == 100
