"""Clients that send a request slowly, to keep a connection busy, are given up in time (slow loris)."""

import socket
import time

import pytest

from .hostile import statuses

SCRIPT = """
from mlmagic.scoring.http import connection, request_reader
connection.TIMEOUT_S = request_reader.TIMEOUT_S = 0.5
request_reader.SLOWEST = 1000
def init(): pass
def run(data): return len(data)
"""
HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"POST /score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("begin", "piece"),
    [(b"GET /", b"a"), (b"POST /score HTTP/1.1\r\n", b"X: y\r\n"), (HEAD, b"x"), (CHUNKED, b"1\r\nx\r\n")],
    ids=["a first line", "headers", "a body", "chunks"],
)
def test_what_arrives_too_slowly_is_given_up(start_script, begin, piece):
    server = start_script(SCRIPT)
    with socket.create_connection(("127.0.0.1", server.report("serving").port), timeout=0.05) as client:
        client.sendall(begin)
        answer, end = b"", time.monotonic() + 20
        while not answer and time.monotonic() < end:
            client.sendall(piece)
            try:
                answer = client.recv(65536)
            except TimeoutError:
                continue
        assert statuses(answer) == [408]
        assert b"The request took too long to arrive." in answer
    assert server.ask("GET", "/")[0] == 200


@pytest.mark.processes
def test_a_body_that_goes_on_arriving_has_more_time(start_script):
    server = start_script(SCRIPT)
    with socket.create_connection(("127.0.0.1", server.report("serving").port), timeout=20) as client:
        client.sendall(HEAD)
        begun = time.monotonic()
        for _ in range(20):  # two seconds, at fifty times the slowest rate
            client.sendall(b"x" * 5000)
            time.sleep(0.1)
        assert time.monotonic() - begun > 1.5
        assert statuses(client.recv(65536)) == [200]
