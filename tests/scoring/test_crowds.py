"""Crowds of new clients while calls take their time: each is seen at once, and waits as long as it may."""

import select
import socket
from contextlib import ExitStack

import pytest

from mlmagic.scoring.limits import WAIT
from tests.scoring.hostile import exchange, get, statuses
from tests.scoring.wire import post

pytestmark = pytest.mark.processes

CALLS_OF_20_MS = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.02)\n    return data\n"
CROWD = 200
SCORE = post(b"1").replace(b"Host: a", b"Host: localhost")
HEALTH = get(b"/", fields=b"Host: localhost\r\nConnection: close\r\n")


@pytest.fixture
def crowd(start_script):
    """Starts a server, and lets a crowd of clients ask it at once; gives its address and their sockets."""
    with ExitStack() as stack:

        def crowd():
            address = "127.0.0.1", start_script(CALLS_OF_20_MS).report("serving").port
            clients = []
            for _ in range(CROWD):
                clients.append(stack.enter_context(socket.create_connection(address, timeout=30)))
                clients[-1].sendall(SCORE)
            return address, clients

        yield crowd


def test_those_that_wait_too_long_are_turned_away(crowd, monkeypatch):
    monkeypatch.setenv(WAIT, "200")
    _, clients = crowd()
    answers = [client.recv(65536) for client in clients]
    turned_away = [answer for answer in answers if statuses(answer) == [503]]
    # All came at once. In the time of the limit there are ten calls; not until then was the last one read.
    assert len(turned_away) > CROWD / 2
    assert all(b"\r\nRetry-After: 1\r\n" in answer for answer in turned_away)
    assert {status for answer in answers for status in statuses(answer)} == {200, 503}


def test_health_is_answered_meanwhile(crowd):
    address, clients = crowd()
    assert statuses(exchange(address, HEALTH)) == [200]
    answered, _, _ = select.select(clients, [], [], 0)
    assert len(answered) < CROWD / 2
