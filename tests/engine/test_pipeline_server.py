"""The server of published pipelines, at the socket: whom it answers, and how many processes it starts."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mlmagic.core.pipeline_request import BODY_LIMIT
from mlmagic.core.pipeline_urls import pipeline_path
from mlmagic.engine.pipeline_endpoints import submissions as module
from mlmagic.engine.pipeline_endpoints.pipeline_endpoints import authentication_header
from mlmagic.engine.pipeline_endpoints.server import CONNECTIONS_LIMIT, listen
from mlmagic.engine.pipeline_endpoints.submissions import Submissions
from mlmagic.engine.services.callers import new_token
from mlmagic.scoring.authentication import Authenticator
from mlmagic.workspace.location import Location
from mlmagic.workspace.login import SERVICE, login_file, login_secret
from tests.support.counted_run import STARTED
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
GOOD = {"ExperimentName": "batch_scoring"}


@pytest.fixture
def port(location: Location) -> Iterator[int]:
    """The port of a server; its processes are those of `tests.support.counted_run`."""
    location.folder.mkdir(parents=True, exist_ok=True)
    started = Submissions(location, "tests.support.counted_run")
    with listen(started, Authenticator(login_file()), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
    wait_for(lambda: not started.reap(), "the end of the processes")


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}{pipeline_path('7')}"


def starts(location: Location) -> list[Path]:
    return list((location.folder / STARTED).glob("*"))


def post(url: str, body: object = GOOD, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return requests.post(url, data=data, headers={**authentication_header(), **headers}, timeout=60)


def head(length: int, **headers: str) -> bytes:
    fields = {"Host": "localhost", "Content-Length": str(length), **authentication_header(), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {pipeline_path('7')} HTTP/1.1\r\n{lines}\r\n".encode()


def test_a_request_starts_one_process(url: str, location: Location) -> None:
    answer = post(url)
    assert answer.status_code == 200, answer.text
    assert [answer.json()["Id"]] == [path.name for path in starts(location)]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_requests_at_once_start_one_process_each(url: str, location: Location) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(post(url).json()["Id"]))
        for _ in range(module.STARTS_AT_ONCE + 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(path.name for path in starts(location))
    assert len(set(found)) == len(threads)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", ""),
        ("Authorization", "Bearer wrong"),
        ("Authorization", "Basic wrong"),
        ("Authorization", "Bearer " + new_token(SERVICE, "x" * 64, time.time()).access_token),
    ],
)
def test_without_a_token_nothing_starts(url: str, location: Location, header: str, value: str) -> None:
    answer = post(url, **{header: value})
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "get_authentication_header()" in answer.json()["error"]["message"]
    assert requests.post(url, json=GOOD, timeout=10).status_code == 401
    assert starts(location) == []


@pytest.mark.parametrize(
    ("name", "made"),
    [("another", 0.0), (SERVICE, -3601.0)],
    ids=["for a service of another name", "expired"],
)
def test_a_token_for_something_else_is_refused(url: str, location: Location, name: str, made: float) -> None:
    token = new_token(name, login_secret(), time.time() + made).access_token
    assert post(url, Authorization=f"Bearer {token}").status_code == 401
    assert starts(location) == []


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Host": "evil.example"}, 421, "'evil.example' is not a name of this machine"),
        ({"Origin": "http://evil.example"}, 403, "A web page may not start pipelines"),
        ({"Origin": "null"}, 403, "A web page may not start pipelines"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "A web page may not start pipelines"),
        ({"Sec-Fetch-Site": "same-site"}, 403, "A web page may not start pipelines"),
    ],
)
def test_a_web_page_starts_nothing(
    url: str, location: Location, headers: dict[str, str], status: int, words: str
) -> None:
    answer = post(url, **headers)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert starts(location) == []


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"x", 400, "BadRequest", "the body is not JSON"),
        (b"", 400, "BadRequest", "the body is not JSON"),
        ({"ParameterAssignments": {}}, 400, "BadRequest", "ExperimentName None must be text"),
        (b" " * (BODY_LIMIT + 1), 413, "RequestEntityTooLarge", f"exceeds {BODY_LIMIT} bytes"),
        (b" " * (20 * BODY_LIMIT), 413, "RequestEntityTooLarge", f"exceeds {BODY_LIMIT} bytes"),
    ],
    ids=["not JSON", "empty", "no experiment", "too large", "much too large"],
)
def test_a_bad_body_starts_nothing(
    url: str, location: Location, body: object, status: int, code: str, words: str
) -> None:
    try:
        answer = post(url, body)
    except requests.ConnectionError:  # not all of it is read
        assert isinstance(body, bytes)
        assert len(body) > 16 * BODY_LIMIT
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert words in answer.json()["error"]["message"]
    assert starts(location) == []


def test_other_paths_and_methods_start_nothing(url: str, port: int, location: Location) -> None:
    other = post(f"http://127.0.0.1:{port}/score")
    assert other.status_code == 404
    assert "'/score' is not the URL of a published pipeline" in other.json()["error"]["message"]
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        answer = requests.request(method, url, headers=authentication_header(), timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert "Send a POST" in answer.json()["error"]["message"]
    assert starts(location) == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(5, **{"Content-Length": "five"}), 411),
        (head(5, **{"Content-Length": "-5"}), 411),
        (head(5, **{"Content-Length": "9" * 5000}), 411),
        (head(5, **{"Transfer-Encoding": "chunked"}), 411),
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_a_broken_head_starts_nothing(port: int, location: Location, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    assert f" {status} ".encode() in answer.splitlines()[0]
    assert b'{"error": ' in answer
    assert starts(location) == []


def test_a_caller_that_goes_away_before_its_body_has_arrived_starts_nothing(
    port: int, url: str, location: Location
) -> None:
    body = json.dumps(GOOD).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(len(body)) + body[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert b"The body ended after" in connection.makefile("rb").read()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(len(body)) + body[:-1])
    assert post(url).status_code == 200
    assert len(starts(location)) == 1


def test_a_caller_that_goes_away_afterwards_has_started_one_run(port: int, location: Location) -> None:
    body = json.dumps({**GOOD, "Description": "wait"}).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(len(body)) + body)
        wait_for(lambda: starts(location), "the process")
    (location.folder / "go").touch()
    wait_for(lambda: [path.read_text() for path in starts(location)] == ["begun"], "the run")


def test_a_process_that_ends_without_an_answer_is_reported(url: str) -> None:
    answer = post(url, {**GOOD, "Description": "die"})
    assert answer.status_code == 500
    message = answer.json()["error"]["message"]
    assert message == "the process of the run ended with exit code 1. no such file"


def test_a_process_that_gives_no_answer_is_stopped(
    url: str, location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 1.0)
    answer = post(url, {**GOOD, "Description": "wait"})
    assert answer.status_code == 504
    assert "had not begun after 1 seconds, and was stopped" in answer.json()["error"]["message"]
    (location.folder / "go").touch()
    assert "begun" not in [path.read_text() for path in starts(location)]


def test_more_connections_than_the_limit_are_refused(port: int, url: str, location: Location) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS_LIMIT)]
    try:

        def refused() -> bool:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                return connection.makefile("rb").read().startswith(b"HTTP/1.0 503 ")

        wait_for(refused, "the limit")
    finally:
        for each in idle:
            each.close()
    wait_for(lambda: post(url).status_code == 200, "a free connection", ignoring=(OSError,))
