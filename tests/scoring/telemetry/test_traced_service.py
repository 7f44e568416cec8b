"""A service as its collector sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector import Collector, attributes, collecting
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = """
import json, sys
def init():
    print("loaded")
def run(data):
    print("got", data)
    if json.loads(data) == 0:
        raise ValueError("nothing")
    return json.loads(data)
"""
Start = Callable[..., Any]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("SERVICE_NAME", "svc")
        monkeypatch.setenv("SERVICE_VERSION", "7")
        yield made


def post(server: Any, body: str, headers: dict[str, str] | None = None) -> int:
    client: HTTPConnection = server.client()
    client.request("POST", "/score", body, headers or {})
    status = client.getresponse().status
    client.close()
    return status


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "two workers"])
def test_requests_and_log(
    collector: Collector, start_script: Callable[..., Any], options: tuple[str, ...]
) -> None:
    server = start_script(SCRIPT, *options)
    assert post(server, "1", {"traceparent": PARENT, "x-ms-client-request-id": "mine"}) == 200
    assert post(server, "0") == 500
    assert server.ask("GET", "/")[0] == 200
    assert server.ask("GET", "/nowhere")[0] == 404
    wait_for(lambda: len(collector.requests) == 3, lambda: f"three spans; {collector.requests}")
    good, bad, absent = sorted(collector.requests, key=lambda span: span.start_time_unix_nano)
    assert (good.name, good.trace_id.hex()) == ("POST /score", PARENT.split("-")[1])
    assert good.parent_span_id.hex() == PARENT.split("-")[2]
    assert good.end_time_unix_nano > good.start_time_unix_nano
    said = attributes(good)
    assert (said["http.request.method"], said["http.response.status_code"]) == ("POST", 200)
    assert (bad.status.code, attributes(bad)["error.type"]) == (2, "500")
    assert (absent.name, absent.status.code) == ("GET /nowhere", 0)
    assert {(each["service.name"], each["service.version"]) for each in collector.resources} == {("svc", "7")}

    wait_for(lambda: any("ValueError: nothing" in text for text in collector.text()), collector.text)
    wait_for(lambda: {"got 1", "loaded"} <= {*collector.text()}, collector.text)  # of another worker
    lines = {line.body.string_value: line for line in collector.lines}
    assert lines["got 1"].span_id == good.span_id
    assert attributes(lines["got 1"])["mlmagic.request_id"] == said["mlmagic.request_id"]
    assert lines["loaded"].trace_id == b""


def test_what_is_not_sent_when_it_stops_is_sent_then(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    server = start_script(SCRIPT)
    for _ in range(50):
        assert post(server, "1") == 200
    server.process.terminate()
    assert server.ends() == 0
    assert len(collector.requests) == 50
    assert collector.text().count("got 1") == 50


def test_a_line_that_is_no_utf_8_is_in_the_collectors_log(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    script = "import sys\ndef init(): ...\ndef run(data):\n    print('half: \\ud83d', file=sys.stderr)\n"
    server = start_script(script)
    assert post(server, "1") == 200
    wait_for(lambda: "half: ?" in collector.text(), collector.text)


def test_a_script_that_fails_is_in_the_collectors_log(
    collector: Collector, start_script: Callable[..., Any]
) -> None:
    server = start_script("def init(): 1 / 0\ndef run(data): return data\n")
    assert server.ends() == 3
    assert any("ZeroDivisionError" in text for text in collector.text())


def test_without_a_collector_it_serves_and_says_so(
    start_script: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
    server = start_script(SCRIPT)
    assert post(server, "1") == 200
    assert (
        "AML_APP_INSIGHTS_ENABLED=true has no effect: there is no OTEL_EXPORTER"
        in (tmp_path / "log").read_text()
    )


def test_a_place_that_cannot_be_used_is_named(
    start_script: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AML_APP_INSIGHTS_ENABLED", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    server = start_script(SCRIPT)
    assert post(server, "1") == 200
    told = (
        "no traces, logs or metrics are sent: OTEL_EXPORTER_OTLP_ENDPOINT is 'collector:4317': it must be an "
        "http or https URL"
    )
    assert told in (tmp_path / "log").read_text()
