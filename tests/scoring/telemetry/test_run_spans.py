"""The span of run(), below that of the request, as the collector and the script see it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.trace import get_current_span

from mlmagic.scoring.telemetry.current_span import CurrentSpan, CurrentSpanIfUsed
from mlmagic.scoring.telemetry.names import MODULE
from mlmagic.scoring.telemetry.trace_context import TraceContext, context_of
from tests.support.collector import Collector, attributes, collecting
from tests.support.waiting import wait_for

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SEEN = """
import asyncio
from opentelemetry.trace import get_current_span
def init(): ...
def seen():
    span = get_current_span().get_span_context()
    ids = [f"{span.trace_id:032x}", f"{span.span_id:016x}"]
    return [*ids, int(span.trace_flags), span.trace_state.to_header()]
"""
SCRIPTS = {
    "plain": SEEN + "def run(data):\n    return seen()\n",
    "async": SEEN + "async def run(data):\n    await asyncio.sleep(0.001)\n    return seen()\n",
    "stream": SEEN + "def run(data):\n    yield seen()\n    yield seen()\n",
    "async stream": SEEN
    + "async def run(data):\n    yield seen()\n    await asyncio.sleep(0.01)\n    yield seen()\n",
}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


def post(server: Any, body: str = "1", *, sampled: int = 1) -> tuple[int, Any]:
    """The status, and what the script has seen; of a stream, all that it has seen."""
    client = server.client()
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-0{sampled}", "tracestate": "vendor=1"}
    client.request("POST", "/score", body, headers)
    answer = client.getresponse()
    found = json.loads(answer.read())
    client.close()
    return answer.status, found


@pytest.mark.processes
@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_script_works_in_the_span_of_run(
    collector: Collector, start_script: Callable[..., Any], kind: str
) -> None:
    server = start_script(SCRIPTS[kind])
    for number in (1, 2):
        status, seen = post(server)
        assert status == 200
        wait_for(lambda count=number: len(collector.spans) == 2 * count, lambda: f"{collector.spans}")
        request = collector.requests[-1]
        [run] = [span for span in collector.spans if span.parent_span_id == request.span_id]
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
        assert (run.name, run.kind, run.status.code) == ("run", run.SPAN_KIND_INTERNAL, 0)
        assert attributes(run)["mlmagic.request_id"] == attributes(request)["mlmagic.request_id"]
        assert request.start_time_unix_nano <= run.start_time_unix_nano < run.end_time_unix_nano
        assert run.end_time_unix_nano <= request.end_time_unix_nano
        expected = [TRACE, run.span_id.hex(), 1, "vendor=1"]
        assert seen == ([expected, expected] if "stream" in kind else expected)


@pytest.mark.processes
def test_a_trace_that_nobody_records_is_passed_on(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    server = start_script(SCRIPTS["plain"])
    _, seen = post(server, sampled=0)
    assert (seen[0], seen[2]) == (TRACE, 0)
    assert seen[1] != CALLER
    server.process.terminate()
    assert server.ends() == 0
    assert collector.spans == []


@pytest.mark.processes
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_that_fails_is_a_failed_span(
    collector: Collector, start_script: Callable[..., Any], kind: str
) -> None:
    server = start_script(f"def init(): ...\n{kind} run(data):\n    raise ValueError\n")
    assert post(server)[0] == 500
    wait_for(lambda: len(collector.spans) == 2, lambda: f"{collector.spans}")
    assert {span.status.code for span in collector.spans} == {2}


@pytest.mark.processes
def test_a_script_with_the_raw_request_passes_the_trace_on(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    server = start_script(
        "from azureml.contrib.services.aml_request import rawhttp\n"
        "def init(): ...\n@rawhttp\ndef run(request): return request.headers['traceparent']\n"
    )
    assert post(server) == (200, f"00-{TRACE}-{CALLER}-01")


@pytest.mark.processes
def test_a_request_that_does_not_reach_run_has_one_span(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    server = start_script("def init(): ...\ndef run(data: list[float]): return data\n")
    assert post(server, '{"data": "x"}')[0] == 400
    server.process.terminate()
    assert server.ends() == 0
    assert [span.name for span in collector.spans] == ["POST /score"]


def test_the_span_from_before_comes_back() -> None:
    current = CurrentSpan()
    outer, inner = context_of(None), context_of(b"00-%b-%b-01" % (TRACE.encode(), CALLER.encode())).child()
    before = get_current_span()
    for span in (outer, inner):
        current.enter(span)
        seen = get_current_span().get_span_context()
        assert (f"{seen.trace_id:032x}", f"{seen.span_id:016x}") == (span.trace_id, span.span_id)
        current.leave()
        assert get_current_span() is before
    current.leave()  # nothing to leave


def test_nobody_asks_before_the_package_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def span() -> TraceContext:
        asked.append(1)
        return context_of(None)

    current = CurrentSpanIfUsed()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, MODULE, None)
        current.enter(span)
        current.leave()
    assert asked == []
    current.enter(span)
    assert get_current_span().get_span_context().is_valid
    current.leave()
    assert asked == [1]
