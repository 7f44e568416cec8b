"""When file descriptors run out, the connections that have been idle longest make room."""

import asyncio
import os
import resource
import select
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from mlmagic.scoring.http import descriptors as descriptors_module
from mlmagic.scoring.http.descriptors import (
    QUIET_S,
    Descriptors,
    ceiling,
    count_open,
    longest_idle,
    lowest_free,
)
from mlmagic.scoring.metrics import Counters
from tests.support.waiting import wait_for

from .hostile import exchange, statuses
from .wire import post

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LIMIT = 64
SCRIPT = f"""
import resource
def init():
    resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
def run(data): return data
"""


@dataclass(eq=False)
class Idle:
    idle_since: float | None
    closed: list[bool] = field(default_factory=list)

    def close_idle(self):
        self.idle_since = None
        self.closed.append(True)


@pytest.mark.parametrize(("limit", "expected"), [(1024, 992), (64, 48), (128, 96), (4, 3)])
def test_some_descriptors_are_kept(limit, expected):
    assert ceiling(limit) == expected


@pytest.mark.parametrize(
    ("since", "expected"), [([], None), ([None], None), ([3, 1, 2], 1), ([None, 5, 5], 1), ([0.0], 0)]
)
def test_the_longest_idle_is_found(since, expected):
    connections = [Idle(each) for each in since]
    found = longest_idle(connections)
    assert getattr(found, "idle_since", None) == (None if expected is None else since[expected])


def test_a_shortage_is_reported_once_and_ends(capfd, loop, monkeypatch):
    now = [loop.time()]
    monkeypatch.setattr(loop, "time", lambda: now[0])
    connections = [Idle(2.0), Idle(1.0), Idle(None)]
    counters = Counters()
    descriptors = Descriptors(connections, counters, loop)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert descriptors.has_room(ceiling(limit) - 1)
    assert descriptors.shortage == ""
    assert [descriptors.has_room(limit - 1) for _ in range(3)] == [True, True, False]
    assert [len(each.closed) for each in connections] == [1, 1, 0]
    assert counters.descriptors == 3
    assert "file descriptors are running out" in descriptors.shortage
    assert capfd.readouterr().err.count("file descriptors are running out") == 1
    # A low number is one of a connection that was closed.
    connections[0].idle_since = 3.0
    assert descriptors.has_room(5)
    assert len(connections[0].closed) == 2
    now[0] += QUIET_S
    assert descriptors.shortage == ""
    connections[0].idle_since = 3.0
    assert descriptors.has_room(5)
    assert len(connections[0].closed) == 2


@pytest.mark.parametrize(("missing", "closed"), [(0, 0), (1, 1), (2, 2), (9, 3)])
def test_room_is_made_where_the_script_takes_the_descriptors(loop, monkeypatch, missing, closed):
    monkeypatch.setattr(descriptors_module, "LOOK_S", 0.001)
    connections = [Idle(1.0), Idle(2.0), Idle(3.0), Idle(None)]
    looked = []

    def lowest(limit):
        looked.append(limit)
        return ceiling(limit) + ((missing or -1) if len(looked) <= 2 else -1)

    descriptors = Descriptors(connections, Counters(), loop, lowest, count=lowest)
    assert descriptors.has_room(5)

    async def looks():
        while len(looked) < 4:
            await asyncio.sleep(0.001)

    loop.run_until_complete(asyncio.wait_for(looks(), 5))
    assert sum(len(each.closed) for each in connections) == closed
    assert bool(descriptors.shortage) == bool(missing)


def test_a_crowd_that_went_at_once_leaves_room(loop):
    """The last of a crowd had a high number, and the others were gone when it was looked at."""
    descriptors = Descriptors([], Counters(), loop)
    descriptors.has_room(ceiling(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    assert descriptors.shortage
    assert descriptors.has_room(5)


@pytest.mark.parametrize(("opened", "most"), [(-5, 8), (-1, 4), (0, 3), (2, 1), (9, 1)])
def test_what_was_given_back_is_used_during_a_shortage(loop, monkeypatch, opened, most):
    monkeypatch.setattr(descriptors_module, "LOOK_S", 0.001)
    looked = []

    def count(limit):
        looked.append(limit)
        return ceiling(limit) + opened

    connections = [Idle(None) for _ in range(3)]
    descriptors = Descriptors(connections, Counters(), loop, count=count)
    assert not descriptors.has_room(ceiling(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))

    async def looks():
        while not looked:
            await asyncio.sleep(0.001)

    loop.run_until_complete(asyncio.wait_for(looks(), 5))
    connections[:] = [Idle(None) for _ in range(most - 1)]
    assert descriptors.has_room(5)
    connections.append(Idle(None))
    assert not descriptors.has_room(5)


def test_the_next_descriptor_is_known():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    with open(os.devnull) as file:
        expected = file.fileno()
    assert lowest_free(limit) == expected


def test_the_open_descriptors_are_counted():
    before = count_open(1)
    with open(os.devnull), open(os.devnull):
        assert count_open(1) == before + 2


def asked(client):
    client.sendall(GET)
    answer = b""
    while not (answer.endswith((b"Healthy", b"closed")) or b"Retry-After" in answer):
        if not (piece := client.recv(65536)):
            break
        answer += piece
    return answer


@pytest.mark.processes
def test_the_longest_idle_make_room_for_new_clients(start_script, tmp_path):
    server = start_script(SCRIPT)
    address = "127.0.0.1", server.report("serving").port
    assert server.ask("GET", "/")[1] == "Healthy"
    with ExitStack() as stack:
        clients = []
        for _ in range(3 * LIMIT):
            clients.append(stack.enter_context(socket.create_connection(address, timeout=20)))
            assert statuses(asked(clients[-1])) == [200]
        # The last ones can still be used, the first ones were closed.
        for client in clients[-20:]:
            assert statuses(asked(client)) == [200]
        assert clients[0].recv(1) == b""
        health = "Healthy: file descriptors are running out, so idle connections are closed"
        assert server.ask("GET", "/")[:2] == (200, health)
        assert 'closed_total{reason="descriptors"}' in server.ask("GET", "/metrics")[1]
    assert (tmp_path / "log").read_text().count("file descriptors are running out") == 1
    assert server.ask(body="5")[:2] == (200, '"5"')


HOG = """
held = []
def run(data):
    try:
        while data == "take": held.append(open("/dev/null"))
    except OSError:
        pass
    return len(held)
"""


@pytest.mark.processes
def test_a_script_that_takes_all_descriptors_does_not_keep_clients_away(start_script):
    server = start_script(SCRIPT.partition("def run")[0] + HOG)
    address = "127.0.0.1", server.report("serving").port
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.create_connection(address, timeout=20))
            assert statuses(asked(client)) == [200]
        client.sendall(post(b"take").replace(b"Host: a", b"Host: localhost"))
        assert statuses(client.recv(65536)) == [200]
        wait_for(lambda: b"Healthy: file descriptors" in exchange(address, LAST), "room")


@pytest.mark.processes
def test_a_crowd_that_comes_at_once_is_accepted(start_script):
    server = start_script(SCRIPT)
    address = "127.0.0.1", server.report("serving").port
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(10 * LIMIT)
        ]
        assert statuses(exchange(address, LAST)) == [200]
        # Each that is open still is served, and none is left without an answer.
        wait_for(lambda: len(select.select(clients[:-LIMIT], [], [], 0)[0]) == 9 * LIMIT, "the ends")
        assert statuses(asked(clients[-1])) == [200]
    assert server.process.poll() is None


@pytest.mark.processes
def test_a_client_is_turned_away_where_all_are_busy(start_script):
    server = start_script(SCRIPT)
    address = "127.0.0.1", server.report("serving").port
    with ExitStack() as stack:
        turned_away = []

        def come():
            client = stack.enter_context(socket.create_connection(address, timeout=20))
            client.sendall(GET + GET[:-2])  # a second request that does not end
            answer = client.recv(65536)
            if statuses(answer) == [503]:
                turned_away.append(answer)
            return turned_away

        wait_for(come, "a refusal")
        assert b"\r\nRetry-After: 1\r\n" in turned_away[0]
        assert b"no file descriptors left: try again" in turned_away[0]
    wait_for(lambda: statuses(exchange(address, LAST)) == [200], "room for a client")
