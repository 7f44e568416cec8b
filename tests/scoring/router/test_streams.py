"""Answers that come piece by piece pass through as they come, and end as they end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

from .endpoint import Endpoint, post, read_all, read_until

pytestmark = pytest.mark.processes

STEPS = """
import os, time
def init(): ...
def run(data):
    # "PATH COUNT SIZE": each piece after the first waits for a file of its number, or that of 0 for all.
    path, count, size = data.split()
    try:
        for number in range(int(count)):
            while number and not (os.path.exists(f"{path}.0") or os.path.exists(f"{path}.{number}")):
                time.sleep(0.005)
            yield {"i": number, "x": "y" * int(size)}
    finally:
        open(f"{path}.ended", "w").close()
"""
SSE, LINES = b"Accept: text/event-stream", b"Accept: application/x-ndjson"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    made = Endpoint(tmp_path_factory.mktemp("endpoint"))
    made.start("blue", STEPS)
    made.route({"blue": 100})
    made.serve()
    yield made
    made.close()


def let(path: Path, number: int) -> None:
    Path(f"{path}.{number}").touch()


def errors(endpoint: Endpoint) -> int:
    return int(endpoint.overview()["blue"]["errors"])


@pytest.mark.parametrize(
    ("accept", "pieces"),
    [
        (SSE, [b'data: {"i":0,"x":""}\n\n', b'data: {"i":1,"x":""}\n\n', b'data: {"i":2,"x":""}\n\n']),
        (LINES, [b'{"i":0,"x":""}\n', b'{"i":1,"x":""}\n', b'{"i":2,"x":""}\n']),
        (b"Accept: */*", [b'[{"i":0,"x":""}', b',{"i":1,"x":""}', b',{"i":2,"x":""}']),
    ],
)
def test_pieces_come_as_they_are_made(steps: Endpoint, tmp_path: Path, accept: bytes, pieces) -> None:
    path = tmp_path / "step"
    with steps.connect() as client:
        for _ in range(2):  # on one connection
            client.sendall(post(f"{path} 3 0".encode(), accept))
            answer = read_until(client, pieces[0])
            assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
            assert b"\r\nazureml-model-deployment: blue\r\n" in answer
            for number in (1, 2):
                assert pieces[number] not in answer
                let(path, number)
                answer = read_until(client, pieces[number], answer)
            answer = read_until(client, b"\r\n0\r\n\r\n", answer)
            assert answer.endswith(b"\r\n0\r\n\r\n")
            for each in tmp_path.iterdir():
                each.unlink()
    assert errors(steps) == 0


def test_http_1_0_has_no_chunks(steps: Endpoint, tmp_path: Path) -> None:
    let(tmp_path / "step", 0)
    body = f"{tmp_path / 'step'} 2 0".encode()
    request = b"POST /score HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n%b\r\n\r\n%b"
    head, _, answer = steps.send(request % (len(body), LINES, body)).partition(b"\r\n\r\n")
    assert answer == b'{"i":0,"x":""}\n{"i":1,"x":""}\n'
    assert b"chunked" not in head
    assert b"Connection: close" in head


def test_a_long_stream_waits_for_a_slow_reader_and_is_whole(steps: Endpoint, tmp_path: Path) -> None:
    path, size = tmp_path / "free", 1 << 20
    let(path, 0)
    with steps.connect() as client:
        client.sendall(post(f"{path} 64 {size}".encode(), LINES, b"Connection: close"))
        answer = bytearray(client.recv(1000))
        # Between the pieces, the version answers others: it would have made them all by then.
        for _ in range(200):
            assert steps.score(f"{tmp_path / 'other'} 1 0").ok
        assert not Path(f"{path}.ended").exists()
        while piece := client.recv(1 << 20):
            answer += piece
    assert answer.partition(b"\r\n\r\n")[2].count(b"y") == 64 * size
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_a_client_that_leaves_ends_the_generator(steps: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "step"
    before = errors(steps)
    with steps.connect() as client:
        client.sendall(post(f"{path} 1000000 1000".encode(), LINES))
        for number in (1, 2):
            let(path, number)
            read_until(client, b'{"i":%d' % number)
    numbers = itertools.count(3)

    def has_ended() -> bool:
        """It is noticed when something is written: the next piece, until one is too many."""
        let(path, next(numbers))
        return Path(f"{path}.ended").exists()

    wait_for(has_ended, "the end of the generator")
    assert errors(steps) == before, "it is not the version's"
    steps.versions["blue"].wait_until_idle()


def test_a_stream_whose_version_dies_is_broken_off(endpoint: Endpoint) -> None:
    blue = endpoint.start("blue", STEPS)
    endpoint.start("green")
    endpoint.route({"blue": 100, "green": 0})
    endpoint.serve()
    path = endpoint.folder / "step"
    with endpoint.connect() as client:
        client.sendall(post(f"{path} 3 0".encode(), LINES))
        answer = read_until(client, b'{"i":0')
        blue.kill()
        answer += read_all(client)
    assert not answer.endswith(b"0\r\n\r\n")
    wait_for(lambda: errors(endpoint) == 1, "it counts as an error")
    endpoint.route({"blue": 0, "green": 100})
    endpoint.settle(blue=0, green=100)
    assert endpoint.score().json() == "green"


def test_what_fails_later_breaks_off(endpoint: Endpoint) -> None:
    endpoint.start("blue", "def init(): ...\ndef run(data):\n  yield 1\n  raise ValueError('late')")
    endpoint.route({"blue": 100})
    endpoint.serve()
    answer = endpoint.send(post(b"1"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert not answer.endswith(b"0\r\n\r\n")
