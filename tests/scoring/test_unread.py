"""Clients that do not read their answers are disconnected, and hold no more than one answer."""

import socket
import ssl
from contextlib import ExitStack

import pytest

from mlmagic.scoring.http import connection
from tests.support.certificates import write_certificate
from tests.support.waiting import wait_for

from .memory import peak
from .wire import post, statuses

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SCRIPT = """
from mlmagic.scoring.http import connection
connection.WRITE_S = 0.3
def init(): pass
def run(data):
    if data == "stream":
        return stream()
    return "x" * int(data)
def stream():
    while True:
        yield "x" * 100_000
"""
MEGA = 2**20


@pytest.mark.together
@pytest.mark.parametrize(("taken", "closed"), [(0, True), (1, False)])
def test_a_client_that_takes_nothing_is_disconnected(wire, loop, monkeypatch, taken, closed):
    monkeypatch.setattr(connection, "WRITE_S", 0.001)
    wire.connection.data_received(post(b"x" * 1000))
    wire.turns(lambda: wire.written)
    wire.connection.pause_writing()
    wire.connection.data_received(GET * 10)
    assert len(wire.connection._queue) == 10  # nothing is answered meanwhile
    del wire.written[:taken]
    wire.connection._check_writing(len(wire.written) + taken)
    assert (wire.closed, wire.counters.unread) == (closed, closed)
    if not closed:
        wire.turns(lambda: wire.closed)  # as it takes nothing from then on


@pytest.mark.together
def test_a_client_that_reads_again_in_time_is_answered(wire, monkeypatch):
    monkeypatch.setattr(connection, "WRITE_S", 0.001)
    wire.connection.pause_writing()
    wire.connection.data_received(GET)
    wire.connection.resume_writing()
    wire.settle()
    assert statuses(wire.take()) == [200]
    assert not wire.closed


@pytest.mark.together
def test_the_last_answer_is_not_kept_for_ever(wire, loop, monkeypatch):
    closed = []
    monkeypatch.setattr(wire, "close", lambda: closed.append("close"))
    monkeypatch.setattr(wire, "abort", lambda: closed.append("abort"))
    monkeypatch.setattr(wire, "is_closing", lambda: bool(closed))
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert closed == ["close"]
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now + connection.IDLE_S + 1)
    wire.connection._check_time()
    assert closed == ["close", "abort"]


@pytest.mark.processes
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("body", [b"3000000", b"stream"])
def test_a_server_disconnects_them(start_script, tmp_path, tls, body):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(cert, key, "localhost")
    context = ssl.create_default_context(cafile=str(cert))
    server = start_script(SCRIPT, *(("--ssl-cert", str(cert), "--ssl-key", str(key)) if tls else ()))
    port = server.report("serving").port

    def connected():
        client = socket.socket()
        client.settimeout(20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        return context.wrap_socket(client, server_hostname="localhost") if tls else client

    def metrics():
        with connected() as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        return answer.decode()

    assert 'mlmagic_connections_closed_total{reason="unread"} 0.0' in metrics()
    before = peak(server)
    request = post(body).replace(b"Host: a", b"Host: localhost")
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(connected())
            client.sendall(request * 20)
        with connected() as reading:
            reading.sendall(request)
            taken = 0
            while taken < 2 * MEGA:
                taken += len(reading.recv(65536))
        wait_for(lambda: 'connections_closed_total{reason="unread"} 20.0' in metrics(), metrics)
    # An answer of each, as it is made and as it is sent.
    assert peak(server) - before < 20 * 3 * MEGA * (3 if tls else 2)
