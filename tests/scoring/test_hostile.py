"""No request is read otherwise than a proxy before us reads it: what is not plain is refused, and ends."""

import pytest

from mlmagic.scoring.http import request_head as head

from .hostile import ACCEPTED, GET, REFUSED, exchange, statuses

ECHO = "def init(): pass\ndef run(data): return 1"


# Hundreds of tests of their own would take longer than all they do.
def test_it_is_refused_and_nothing_after_it_answered(connect):
    for name, request, status in REFUSED:
        wire = connect()
        answer = wire.send(GET + request + GET)
        assert statuses(answer) == [200, status], name
        assert b"Connection: close\r\n" in answer, name
        assert wire.ended, name
        assert wire.send(GET) == b"", name


def test_what_is_merely_odd_is_answered(connect):
    for name, request, count in ACCEPTED:
        wire = connect()
        assert statuses(wire.send(request + GET)) == [200] * (count + 1), name
        assert not wire.closed, name


def test_it_does_not_matter_how_it_arrives(connect):
    for name, request, status in REFUSED:
        if len(request) < 300:
            wire = connect()
            for byte in request:
                wire.connection.data_received(bytes([byte]))
            assert statuses(wire.send(GET)) == [status], name


def test_an_address_names_a_path(wire):
    assert statuses(wire.send(b"GET http://a?b=/score HTTP/1.1\r\nHost: a\r\n\r\n")) == [
        200
    ]  # the health check
    assert b"Healthy" in wire.send(b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n")


def test_what_is_remembered_of_good_heads_is_bounded(wire):
    for n in range(300):
        request = b"GET /score HTTP/1.1\r\nHost: h%d\r\nX%d: y\r\n%s: z\r\n\r\n" % (n, n, b"Y%d" % n * 50)
        assert statuses(wire.send(request)) == [200]
    assert len(head.NAMES) <= head._MEMORY
    assert len(head._HOSTS) <= head._MEMORY
    assert max(map(len, head.NAMES)) <= head._NAME_LENGTH


@pytest.mark.processes
def test_a_real_server_refuses_them_and_goes_on(start_script):
    server = start_script(ECHO, "--allowed-hosts", "*")
    port = server.report("serving").port
    for name, request, status in REFUSED:
        assert statuses(exchange(("127.0.0.1", port), GET + request + GET)) == [200, status], name
    assert server.ask()[0] == 200
    assert server.process.poll() is None
