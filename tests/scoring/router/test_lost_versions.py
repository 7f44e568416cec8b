"""Versions that restart, die, hang, or close their connections."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from mlmagic.scoring import report
from mlmagic.scoring.control import SCALE, send_command
from mlmagic.scoring.http.server import IDLE_PATIENCE_S
from mlmagic.scoring.router.routes import VERSION
from mlmagic.scoring.router.version import HOLD_S
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

from .endpoint import ANSWERS, WAITS, Endpoint, post, read_until

pytestmark = pytest.mark.processes


class Closing:
    """A server of a version that does with each connection what a test says."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self, *answers: bytes | None) -> None:
        """Answer one request on each connection, and close it; None: close it without reading."""
        thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        thread.start()

    def _serve(self, answers: tuple[bytes | None, ...]) -> None:
        for answer in answers:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(10)
                if answer is None:
                    connection.recv(1, socket.MSG_PEEK)
                    continue
                self.requests.append(connection.recv(65536))
                connection.sendall(answer)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def closing():
    server = Closing()
    yield server
    server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


def test_a_version_that_restarts_on_another_port_loses_no_request(endpoint: Endpoint) -> None:
    endpoint.start("blue")
    endpoint.start("green")
    endpoint.route({"blue": 50, "green": 50})
    endpoint.serve()
    with keep_alive_clients(endpoint.url) as tally:
        for _ in range(2):
            old = endpoint.versions["green"]
            new = endpoint.start("green")
            assert new.port
            endpoint.route({"blue": 50, "green": 50})
            endpoint.settle(blue=50, green=50)
            seen = tally.answered
            assert old.stop() == 0
            wait_for(lambda seen=seen: tally.answered > seen + 50, "more answers")
            wait_for(lambda new=new: new.counted()["requests"] > 10, "answers of the new one")
    assert tally.lost == []


def test_a_version_that_was_killed_is_named_and_the_others_go_on(endpoint: Endpoint) -> None:
    endpoint.start("blue")
    endpoint.start("green")
    endpoint.route({"blue": 100, "green": 0})
    endpoint.serve()
    green = {"headers": {VERSION: "green"}}
    assert endpoint.score(**green).ok
    endpoint.versions["green"].kill()
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(endpoint.score, **green)
        while not lost.done():
            assert endpoint.score().json() == "blue"
    answer = lost.result()
    assert answer.status_code == 503
    assert answer.json()["message"] == "Version 'green' is not available: Connection refused."
    assert (answer.headers[VERSION], answer.headers["Retry-After"]) == ("green", "1")
    assert HOLD_S <= answer.elapsed.total_seconds() < HOLD_S + 2
    assert endpoint.overview()["green"]["errors"] == 1


def test_a_request_waits_for_a_version_that_is_starting(endpoint: Endpoint) -> None:
    endpoint.start("blue")
    endpoint.write([{"name": "blue", "url": None, "percent": 100}])
    endpoint.serve()
    assert endpoint.overview()["blue"]["is_available"] is False
    assert endpoint.versions["blue"].port
    with ThreadPoolExecutor() as pool:
        held = pool.submit(endpoint.score)
        wait_for(lambda: endpoint.overview()["blue"]["in_flight"] == 1, "a request that waits")
        endpoint.route({"blue": 100})
        assert held.result().json() == "blue"


def test_a_version_that_ends_when_idle_is_started_by_a_request(endpoint: Endpoint) -> None:
    blue = endpoint.start("blue", ANSWERS, "--idle-timeout", "0.5")
    endpoint.route({"blue": 100})
    endpoint.serve()
    for _ in range(3):
        assert endpoint.score().json() == "blue"
        wait_for(lambda: getattr(report.read_report(blue.run_dir), "idle", False), "it is idle")
    assert endpoint.score().json() == "blue"


def test_a_version_of_several_processes_loses_no_request_when_one_is_replaced(endpoint: Endpoint) -> None:
    blue = endpoint.start("blue", ANSWERS, "--workers", "3")
    endpoint.route({"blue": 100})
    endpoint.serve()
    with keep_alive_clients(endpoint.url) as tally:
        for count in (1, 3, 2):
            send_command(blue.run_dir, {"do": SCALE, "replicas": count})
            wait_for(
                lambda count=count: getattr(report.read_report(blue.run_dir), "ready", 0) == count, "replicas"
            )
            seen = tally.answered
            wait_for(lambda seen=seen: tally.answered > seen + 50, "more answers")
    assert tally.lost == []


@pytest.fixture
def waiting(endpoint: Endpoint) -> Path:
    """The file that a request to blue waits for."""
    endpoint.start("blue", WAITS)
    endpoint.route({"blue": 100}, of={"blue": {"timeout_s": 600}})
    endpoint.serve()
    lock = endpoint.folder / "lock"
    lock.touch()
    assert endpoint.score(str(endpoint.folder / "other")).ok, "its connection is kept"
    return lock


def calls(lock: Path) -> int:
    path = lock.with_suffix(".calls")
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_what_a_killed_version_had_received_is_not_sent_again(endpoint: Endpoint, waiting: Path) -> None:
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(endpoint.score, str(waiting))
        wait_for(lambda: calls(waiting) == 1, "a call")
        endpoint.versions["blue"].kill()
        endpoint.start("blue", WAITS)
        endpoint.route({"blue": 100})
        answer = lost.result()
    assert answer.status_code == 502
    assert answer.json()["message"] == "Version 'blue' did not answer: it closed the connection."
    waiting.unlink()
    assert endpoint.score(str(waiting)).json() == "blue"
    assert calls(waiting) == 2


def test_a_version_that_takes_too_long(endpoint: Endpoint, waiting: Path) -> None:
    endpoint.versions["red"] = endpoint.versions["blue"]
    endpoint.route({"blue": 100, "red": 0}, of={"blue": {"timeout_s": 0.5}})
    endpoint.settle(blue=100, red=0)
    answer = endpoint.score(str(waiting))
    assert answer.status_code == 504
    assert answer.json()["message"] == "Version 'blue' did not answer within 0.5 s."
    assert calls(waiting) == 1


def test_a_stopped_version_takes_too_long_and_the_next_one_does_not(endpoint: Endpoint) -> None:
    blue = endpoint.start("blue")
    endpoint.start("green")
    endpoint.route({"blue": 0, "green": 100}, of={"blue": {"timeout_s": 0.5}})
    endpoint.serve()
    blue.signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        stuck = pool.submit(endpoint.score, headers={VERSION: "blue"})
        while not stuck.done():
            assert endpoint.score().json() == "green"
    assert stuck.result().status_code == 504
    blue.signal(signal.SIGCONT)


def test_a_client_that_leaves_frees_the_connection_to_the_version(endpoint: Endpoint, waiting: Path) -> None:
    with endpoint.connect() as client:
        client.sendall(post(str(waiting).encode()))
        wait_for(lambda: calls(waiting) == 1, "a call")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: endpoint.overview()["blue"]["in_flight"] == 0, "nothing waits for it any more")
    assert endpoint.overview()["blue"]["errors"] == 0
    waiting.unlink()
    assert endpoint.score(str(endpoint.folder / "other")).ok


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A router for all that follows."""
    made = Endpoint(tmp_path_factory.mktemp("endpoint"))
    made.write([{"name": "blue", "url": None, "percent": 100}])
    made.serve()
    yield made
    made.close()


def route_to(endpoint: Endpoint, url: str | None) -> None:
    """Have the router forward everything to this address from now on."""
    number = len(endpoint.overview()) % 2
    more = [{"name": "red", "url": None, "percent": 0}] * number
    endpoint.write([{"name": "blue", "url": url, "percent": 100}, *more])
    endpoint.settle(blue=100, **({"red": 0} if number else {}))


@pytest.mark.parametrize(
    ("url", "why"),
    [(None, "nothing of it runs."), ("http://a..b:5001", "")],
)
def test_without_anything_that_runs_the_answer_says_so(shared: Endpoint, url: str | None, why: str) -> None:
    route_to(shared, url)
    answer = shared.score()
    assert answer.status_code == 503
    assert answer.json()["message"].startswith(f"Version 'blue' is not available: {why}")
    assert requests.get(f"{shared.url}/", timeout=10).text == "Healthy", "that is the router"


def test_a_request_that_was_not_read_is_sent_again(closing: Closing, shared: Endpoint) -> None:
    closing.serve(None, OK)
    route_to(shared, closing.url)
    assert shared.score("abc").status_code == 200
    assert [each.endswith(b"abc") for each in closing.requests] == [True]


def test_it_is_sent_again_only_once(closing: Closing, shared: Endpoint) -> None:
    closing.serve(None, None, OK)
    route_to(shared, closing.url)
    answer = shared.score("abc")
    assert (answer.status_code, closing.requests) == (502, [])
    assert answer.json()["message"] == "Version 'blue' did not answer: it closed the connection."


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\n\r\n1",
        b"HTTP/1.1 two OK\r\nContent-Length: 1\r\n\r\n1",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
    ],
    ids=lambda answer: answer[:60].decode(),
)
def test_what_is_no_answer_is_a_502_and_is_not_asked_for_again(
    closing: Closing, shared: Endpoint, answer: bytes
) -> None:
    closing.serve(answer, OK)
    route_to(shared, closing.url)
    assert shared.score("abc").status_code == 502
    assert len(closing.requests) == 1
    assert shared.score("def").status_code == 200


def test_a_connection_that_was_idle_for_long_gets_no_request(shared: Endpoint) -> None:
    """A proxy reads what comes over a connection that the server behind it has closed, and closes it then."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while True:
                answered = time.monotonic()
                if not read_until(connection, b"\r\n\r\n") or time.monotonic() - answered > IDLE_PATIENCE_S:
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        route_to(shared, f"http://127.0.0.1:{listener.getsockname()[1]}")
        statuses = []
        for _ in range(4):
            statuses.append(shared.score("").status_code)
            time.sleep(
                1.2 * IDLE_PATIENCE_S
            )  # that is what a client does here, and not what the test waits for
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
    assert statuses == [200] * 4


def test_idle_connections_that_a_version_closes_lose_no_request(shared: Endpoint) -> None:
    """Its server closes a connection that has answered, at any moment after."""
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                for _ in range(2):
                    request = read_until(connection, b"\r\n\r\n")
                    if not request:
                        break
                    received.append(request)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        route_to(shared, f"http://127.0.0.1:{listener.getsockname()[1]}")
        answers = shared.send(post(b"") * 299 + post(b"", b"Connection: close"))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
    assert answers.count(b"HTTP/1.1 200 OK") == 300
    assert len(received) == 300
