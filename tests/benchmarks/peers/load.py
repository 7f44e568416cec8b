"""Requests: one at a time to see that the answers are right, and wrk for the figures."""

from __future__ import annotations

import http.client
import json
import math
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.peers.environments import HERE
from tests.benchmarks.peers.models import Model
from tests.benchmarks.peers.process import Tree
from tests.benchmarks.peers.servers import HOST, Place, Server

START_LIMIT_S = 60.0
POLL_S = 0.002
TOLERANCE = 1e-4


class Failure(Exception):
    """A server did not start, or did not answer as its model does."""


@dataclass(frozen=True)
class Load:
    """What wrk saw in one run, and the processor time that the server took for it."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def ask(server: Server, port: int, rows: list[Any], timeout: float = 10.0) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", server.path, json.dumps(server.body(rows)), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_for_answer(server: Server, tree: Tree, port: int, model: Model, started: float) -> float:
    """Seconds from ``started`` to the first 200 of the scoring route."""
    status, said = 0, b""
    while (taken := time.perf_counter() - started) < START_LIMIT_S:
        try:
            status, said = ask(server, port, model.rows[:1])
        except (OSError, http.client.HTTPException):
            status = 0
        if status == 200:
            return time.perf_counter() - started
        if not tree.running:
            raise Failure(f"ended while starting: {tree.last_words()}")
        time.sleep(POLL_S)
    heard = f"the last answer was {status}: {said[:100]!r}" if status else tree.last_words()
    raise Failure(f"no answer in {taken:.0f} s; {heard}")


def check_answers(server: Server, port: int, model: Model) -> None:
    """Many rows, several at once: each must get what the model itself says."""

    def check(number: int) -> None:
        status, said = ask(server, port, [model.rows[number]])
        if status != 200:
            raise Failure(f"answered {status}: {said[:200]!r}")
        given, wanted = server.answer(json.loads(said)), [model.answers[number]]
        if not close(given, wanted):
            raise Failure(f"answered {str(given)[:80]}, and the model says {str(wanted)[:80]}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(len(model.rows))))


def close(given: Any, wanted: Any) -> bool:
    """Whether two nested lists have the same shape, and numbers that differ by rounding only."""
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(close(a, b) for a, b in zip(given, wanted, strict=True))
        )
    return isinstance(given, int | float) and math.isclose(
        given, wanted, rel_tol=TOLERANCE, abs_tol=TOLERANCE / 10
    )


def measure(server: Server, tree: Tree, place: Place, connections: int, seconds: float) -> Load:
    """Load it with wrk; every answer must be a success."""
    body = place.folder / "body.json"
    body.write_text(json.dumps(server.body(place.model.rows[:1])), encoding="utf-8")
    before = tree.cpu_seconds()
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"),
            *("--timeout", "10s", "--script", str(HERE / "load.lua"), server.url(place.ports[0])),
        ],
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "BODY": str(body)},
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    spent = tree.cpu_seconds() - before
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise Failure(f"wrk: {(done.stderr or done.stdout).strip()[-200:]}")
    seen = json.loads(found[0].removeprefix("RESULT "))
    if seen["failed"] or not seen["requests"]:
        raise Failure(
            f"{seen['failed']} of {seen['requests']} requests failed with {connections} connections"
        )
    cpu_us = spent / seen["requests"] * 1e6
    return Load(seen["requests"] / seen["seconds"], seen["p50_ms"], seen["p99_ms"], cpu_us)
