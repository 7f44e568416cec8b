"""All bodies in progress together have a limit, whatever connections they come on."""

import gc
import gzip
import json
import re
import select
import socket
from contextlib import ExitStack, suppress

import numpy as np
import pyarrow as pa
import pytest

from mlmagic.scoring.http.body_budget import BUDGET, SMALL, BodyBudget, HeldBytes
from mlmagic.scoring.http.request_reader import PIPELINE_BYTES
from mlmagic.scoring.inputs.bodies import ARROW_STREAM
from mlmagic.scoring.limits import BODIES, BODY, Limits
from tests.support.waiting import wait_for

from .bombs import arrow
from .hostile import statuses
from .memory import peak
from .wire import bodies, post

LARGE = 2 * SMALL
HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def budget():
    budget = BodyBudget()
    budget.set(Limits(body_bytes=60, bodies_bytes=100))
    return budget


def test_bytes_are_held_until_they_are_forgotten(budget):
    first, second = HeldBytes(budget), HeldBytes(budget)
    assert (first.add(40), first.add(20), second.add(41), second.add(40)) == (True, True, False, True)
    assert (budget.used, budget.has_room(0), budget.has_room(1)) == (100, True, False)
    del first
    assert (budget.used, budget.has_room(60), budget.has_room(61)) == (40, True, False)
    del second
    assert budget.used == 0


def test_one_body_always_fits():
    budget = BodyBudget()
    budget.set(Limits(body_bytes=200, bodies_bytes=100))
    assert budget.total == 200


@pytest.mark.together
@pytest.mark.parametrize("chunked", [False, True])
def test_uploads_that_are_not_finished_count(connect, small_bodies, chunked):
    small_bodies(4 * LARGE, 5 * LARGE)
    before = BUDGET.used
    head = b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" if chunked else HEAD
    clients = [connect() for _ in range(3)]
    for client in clients[:2]:
        assert client.send(head % (2 * LARGE), b"x" * (2 * LARGE - 1)) == b""
    assert BUDGET.used - before == 4 * LARGE - 2
    answer = clients[2].send(head % (2 * LARGE), b"x" * (LARGE + 3))
    assert statuses(answer) == [503]
    assert b"\r\nRetry-After: 1\r\n" in answer
    message = json.loads(bodies(answer)[0])["message"]
    assert re.search(rf"limit of {5 * LARGE} bytes: try again.*{BODIES}", message)
    # Small ones are still answered, and large ones when there is room again.
    again = connect()
    assert statuses(again.send(post(b"x" * SMALL))) == [200]
    clients[0].connection.connection_lost(None)
    assert BUDGET.used - before == 2 * LARGE - 1
    assert statuses(again.send(post(b"x" * 2 * LARGE))) == [200]
    gc.collect()
    assert BUDGET.used - before == 2 * LARGE - 1


@pytest.mark.together
def test_a_body_that_has_no_room_is_refused_before_it_is_sent(connect, small_bodies):
    small_bodies(LARGE, LARGE)
    first, second = connect(), connect()
    assert first.send(HEAD % LARGE, b"x" * (SMALL + 1)) == b""
    answer = second.send(HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost") % LARGE)
    assert statuses(answer) == [503]


@pytest.mark.together
def test_what_a_body_decodes_to_counts(connect, small_bodies):
    small_bodies(4 * LARGE, 4 * LARGE)
    first, second = connect(), connect()
    assert first.send(HEAD % LARGE, b"x" * (LARGE - 1)) == b""
    body = gzip.compress(b"x" * 4 * LARGE)
    answer = second.send(post(body, b"Content-Encoding: gzip"))
    assert statuses(answer) == [503]
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert statuses(first.send(b"x")) == [200]
    assert statuses(second.send(post(body, b"Content-Encoding: gzip"))) == [200]


@pytest.mark.together
def test_what_a_body_is_unpacked_to_counts_while_the_call_lasts(connect, wire_to, make_script, small_bodies):
    small_bodies(4 * LARGE, 4 * LARGE)
    wire, other = (
        wire_to(make_script("import numpy\ndef run(data: numpy.ndarray): return len(data)")),
        connect(),
    )
    body = arrow(pa.table({"data": np.zeros(2 * LARGE // 8)}))
    sent = post(body, b"Content-Type: " + ARROW_STREAM.encode())
    before = BUDGET.used
    assert statuses(wire.send(sent)) == [200]
    gc.collect()
    assert BUDGET.used == before
    assert other.send(HEAD % (3 * LARGE), b"x" * (3 * LARGE - 1)) == b""
    answer = wire.send(sent)
    assert statuses(answer) == [503]
    assert b"\r\nRetry-After: 1\r\n" in answer


@pytest.mark.together
def test_a_client_that_does_not_wait_is_not_read(connect):
    wire = connect()
    wire.connection.pause_writing()
    sent = post(b"x" * 4 * LARGE)
    for at in range(0, len(sent), LARGE):
        wire.connection.data_received(sent[at : at + LARGE])
        if wire.paused:
            break
    assert wire.paused
    assert wire.connection._reader.waiting <= PIPELINE_BYTES + LARGE
    wire.connection.resume_writing()
    wire.settle()
    assert not wire.paused
    assert statuses(wire.send(sent[at + LARGE :])) == [200]


@pytest.mark.together
def test_what_is_not_read_is_not_late(connect, loop, monkeypatch):
    time, passed = loop.time, []
    monkeypatch.setattr(loop, "time", lambda: time() + sum(passed))
    wire = connect()
    wire.connection.pause_writing()
    sent = post(b"x" * 4 * LARGE)
    wire.connection.data_received(sent[:LARGE])
    assert wire.paused
    passed.append(100)
    wire.connection._check_time()
    wire.connection.resume_writing()
    wire.turns(lambda: not wire.paused)
    wire.connection._check_time()
    assert statuses(wire.send(sent[LARGE:])) == [200]


SLOW = """
import os, time
def init(): pass
def run(data):
    while not os.path.exists("{}"): time.sleep(0.01)
    return len(data)
"""
MEGA = 2**20


@pytest.mark.processes
def test_many_unfinished_uploads_take_little_memory(start_script, monkeypatch):
    monkeypatch.setenv(BODY, str(16 * MEGA))
    server = start_script("def init(): pass\ndef run(data): return len(data)")
    assert server.ask()[0] == 200
    before, port = peak(server), server.report("serving").port
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(20)
        ]
        for client in clients:
            with suppress(ConnectionError):  # refused already
                client.sendall(HEAD % (16 * MEGA) + b"x" * 15 * MEGA)
        wait_for(lambda: len(select.select(clients, [], [], 0)[0]) == 16, "the refusals")
        assert peak(server) - before < 2 * 64 * MEGA
        assert server.ask("GET", "/")[:2] == (200, "Healthy")
    wait_for(lambda: server.ask(body="x" * 15 * MEGA)[0] == 200, "room for a large body")


@pytest.mark.processes
def test_pipelined_uploads_on_one_connection_take_little_memory(start_script, monkeypatch, tmp_path):
    monkeypatch.setenv(BODY, str(16 * MEGA))
    server = start_script(SLOW.format(tmp_path / "go"))
    port = server.report("serving").port
    before = peak(server)
    sent = (HEAD % (16 * MEGA) + b"x" * 16 * MEGA) * 20
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as client:
        taken = 0
        with suppress(TimeoutError):  # when it takes no more
            while taken < len(sent):
                taken += client.send(sent[taken : taken + MEGA])
        assert taken < 64 * MEGA
        assert peak(server) - before < 4 * 16 * MEGA
        (tmp_path / "go").touch()
        client.settimeout(20)
        client.sendall(memoryview(sent)[taken:])
        answer = b""
        while len(statuses(answer)) < 20:
            answer += client.recv(65536)
        assert statuses(answer) == [200] * 20
    assert peak(server) - before < 6 * 16 * MEGA
