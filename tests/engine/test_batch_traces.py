"""Traces of batch jobs: the job's span below that of whoever has started it, and run() below the job's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace

from mlmagic.core.batch import BatchPlan
from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.batch.inputs import Files
from mlmagic.engine.engine import Engine
from tests.support.collector import Collector, attributes, collecting

pytestmark = pytest.mark.processes

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SCRIPT = """
from opentelemetry import trace
def run(files):
    if files == ["bad"]:
        raise ValueError("bad")
    here = trace.get_current_span().get_span_context()
    return [f"{here.trace_id:032x} {here.span_id:016x}" for each in files]
"""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def run(engine: Engine, folder: Path) -> list[str]:
    plan = BatchPlan(mini_batch_size=1, process_count=1, run_max_try=1)
    script = InferenceConfig("score.py", script_text=SCRIPT)
    engine.batch.run(plan, script, Files(["one", "bad"]), folder / "out", folder / "job")
    return (folder / "out" / "parallel_run_step.txt").read_text().splitlines()


def test_from_the_caller_to_run(
    engine: Engine, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{CALLER}-01")
    seen = run(engine, tmp_path)
    (job,) = [span for span in collector.spans if span.name == "batch score.py"]
    good, bad = sorted((span for span in collector.spans if span.name == "run"), key=_mini_batch)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert job.parent_span_id.hex() == CALLER
    assert good.parent_span_id == bad.parent_span_id == job.span_id
    assert seen == [f"{TRACE} {good.span_id.hex()}"]
    assert (good.status.code, bad.status.code, job.status.code) == (0, 2, 0)
    assert attributes(job) == {"mlmagic.batch.mini_batches": 2, "mlmagic.batch.failed_mini_batches": 1}
    assert {each["service.name"] for each in collector.resources} == {"mlmagic batch job"}


def _mini_batch(span: object) -> int:
    return int(attributes(span)["mlmagic.batch.mini_batch"])


def test_the_callers_current_span(engine: Engine, tmp_path: Path, collector: Collector) -> None:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    caller = trace.SpanContext(int(TRACE, 16), int(CALLER, 16), is_remote=False, trace_flags=flags)
    with trace.use_span(trace.NonRecordingSpan(caller)):
        run(engine, tmp_path)
    (job,) = [span for span in collector.spans if span.name == "batch score.py"]
    assert (job.trace_id.hex(), job.parent_span_id.hex()) == (TRACE, CALLER)


def test_what_the_caller_does_not_sample_is_passed_on_and_not_sent(
    engine: Engine, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{CALLER}-00")
    (seen,) = run(engine, tmp_path)
    assert seen.startswith(TRACE)
    assert collector.spans == []


def test_without_a_collector_the_trace_is_passed_on(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{CALLER}-01")
    (seen,) = run(engine, tmp_path)
    assert seen.startswith(TRACE)
