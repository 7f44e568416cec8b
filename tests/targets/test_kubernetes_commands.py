"""Commands in containers, and the usage that they read: the decisions, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from mlmagic.core.usage import Usage
from mlmagic.targets.kubernetes import usage
from mlmagic.targets.kubernetes.commands import CommandFailed, in_each, interpreter_of, output_of

SUCCESS = b"\x03" + json.dumps({"status": "Success"}).encode()
FAILURE = b"\x03" + json.dumps({"status": "Failure", "message": "command terminated with 1"}).encode()


@pytest.mark.parametrize(
    ("messages", "output"),
    [
        ([b"\x01one ", b"\x01two", SUCCESS], b"one two"),
        ([b"\x02a warning", b"\x01\xff\x00", SUCCESS], b"\xff\x00"),
        ([SUCCESS], b""),
        (None, None),
    ],
)
def test_the_output_of_a_command(messages: list[bytes] | None, output: bytes | None) -> None:
    assert output_of(messages) == output


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([b"\x02Traceback\nKeyError: 'x'\n", FAILURE], "KeyError: 'x'"),
        ([FAILURE], "command terminated with 1"),
        ([b"\x01half"], "the connection was cut"),
    ],
)
def test_a_command_that_fails_says_why(messages: list[bytes], words: str) -> None:
    with pytest.raises(CommandFailed, match=words):
        output_of(messages)


def pod(name: str, **more: Any) -> Mapping[str, Any]:
    running = {"name": "server", "state": {"running": {}}}
    return {
        "metadata": {"name": name, **more},
        "spec": {"containers": [{"name": "server", **more}]},
        "status": {"containerStatuses": [running]},
    }


def test_only_what_runs_is_looked_into() -> None:
    pods = [pod("a"), pod("b", deletionTimestamp="2026-01-01T00:00:00Z"), pod("c")]
    found = in_each(pods, lambda each: each["metadata"]["name"] if each is not pods[2] else None)
    assert found == ["a"]


@pytest.mark.parametrize(
    ("more", "python"),
    [({}, "/opt/venv/bin/python"), ({"command": ["/opt/conda/bin/python", "-m"]}, "/opt/conda/bin/python")],
)
def test_the_interpreter_is_that_of_the_server(more: Mapping[str, Any], python: str) -> None:
    assert interpreter_of(pod("a", **more)) == python


@pytest.mark.parametrize(
    ("files", "used"),
    [
        (
            {
                "cpu.stat": "usage_usec 2500000\nnr_throttled 4\nthrottled_usec 100000\n",
                "memory.current": "900\n",
                "memory.stat": "anon 700\nfile 200\n",
                "memory.peak": "1200\n",
                "memory.events": "low 0\noom 2\noom_kill 1\n",
            },
            Usage(2.5, 700, 1200, 0.1, 1),
        ),
        ({"memory.current": "900"}, Usage(0.0, 900, 900)),
        (
            {
                "cpuacct/cpuacct.usage": "1500000000\n",
                "cpu/cpu.stat": "nr_periods 3\nthrottled_time 250000000\n",
                "memory/memory.stat": "cache 10\ntotal_rss 640\n",
                "memory/memory.max_usage_in_bytes": "800\n",
                "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            },
            Usage(1.5, 640, 800, 0.25, 2),
        ),
        ({}, Usage()),
    ],
)
def test_usage_of_a_replica(files: Mapping[str, str], used: Usage) -> None:
    printed = "".join(f"{name}\0{content}\0" for name, content in files.items())
    assert usage.usage_of(printed.encode()) == used


def test_a_reading_is_made_once_a_second() -> None:
    now = [0.0]
    readings = usage.Readings(lambda: now[0])
    first = readings.of("svc", Usage)
    assert readings.of("svc", Usage) is first
    assert readings.of("other", Usage) is not first
    now[0] += usage.SECONDS
    second = readings.of("svc", Usage)
    assert second is not first
    readings.forget("svc")
    assert readings.of("svc", Usage) is not second


def test_usage_of_all_replicas_is_their_sum() -> None:
    assert usage.total([Usage(1.0, 2, 3, 0.5, 1), Usage(1.0, 2, 3, 0.5)]) == Usage(2.0, 4, 6, 1.0, 1)
    assert usage.total([]) == Usage()


def test_the_program_that_reads_the_control_group_runs_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    exec(usage.PROGRAM, {})
    assert usage.usage_of(capsys.readouterr().out.encode()).memory_kills >= 0
