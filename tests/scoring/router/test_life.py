"""The end of a router, and another one in its place."""

from __future__ import annotations

import signal

import pytest
import requests

from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

from .endpoint import WAITS, Endpoint, post, read_all, read_until

pytestmark = pytest.mark.processes


def test_a_signal_lets_it_finish_its_requests(endpoint: Endpoint) -> None:
    blue = endpoint.start("blue", WAITS)
    endpoint.route({"blue": 100})
    router = endpoint.serve()
    lock = endpoint.folder / "lock"
    lock.touch()
    with endpoint.connect() as client, endpoint.connect() as idle:
        client.sendall(post(str(lock).encode()))
        wait_for(lambda: blue.counted()["in_flight"] == 1, "a call")
        router.signal(signal.SIGTERM)
        assert read_all(idle) == b"", "a connection that is idle is closed"
        assert router.process.poll() is None
        lock.unlink()
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nConnection: close\r\n" in answer
    assert router.process.wait(20) == 0


def test_a_signal_lets_it_finish_its_streams(endpoint: Endpoint) -> None:
    endpoint.start(
        "blue",
        "import os, time\ndef init(): ...\ndef run(data):\n  yield 1\n"
        "  while os.path.exists(data): time.sleep(0.01)\n  yield 2\n",
    )
    endpoint.route({"blue": 100})
    router = endpoint.serve()
    lock = endpoint.folder / "lock"
    lock.touch()
    with endpoint.connect() as client:
        client.sendall(post(str(lock).encode(), b"Accept: application/x-ndjson"))
        answer = read_until(client, b"\r\n2\r\n1\n")
        router.signal(signal.SIGTERM)
        with pytest.raises(requests.ConnectionError):
            wait_for(lambda: not requests.get(endpoint.url, timeout=10), "it takes no connections")
        lock.unlink()
        answer += read_all(client)
    assert answer.endswith(b"2\n\r\n0\r\n\r\n")
    assert router.process.wait(20) == 0


def test_another_router_takes_over_the_port_and_no_request_is_lost(endpoint: Endpoint) -> None:
    endpoint.start("blue")
    endpoint.start("green")
    endpoint.route({"blue": 50, "green": 50})
    old = endpoint.serve()
    with keep_alive_clients(endpoint.url) as tally:
        for _ in range(2):
            new = endpoint.serve("--take-over", str(old.run_dir), port=old.port)
            seen = tally.answered
            assert old.stop() == 0
            wait_for(lambda seen=seen: tally.answered > seen + 50, "more answers")
            old = new
    assert tally.lost == []
    assert new.counted()["requests"] > 0
