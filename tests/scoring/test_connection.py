import itertools
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlmagic.scoring.http import request_reader
from mlmagic.scoring.http.request_head import HEAD_LIMIT, KnownHeads
from mlmagic.scoring.limits import BODY_BYTES

from .wire import Wire, bodies, post, statuses

pytestmark = pytest.mark.together

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def stable(answer):
    """Without what differs from one request to the next."""
    return re.sub(rb"(Date|x-request-id|x-ms-request-id|x-ms-run-fn-exec-ms): .*\r\n", b"", answer)


def test_a_connection_is_kept(wire):
    assert statuses(wire.send(GET)) == [200]
    assert bodies(wire.send(post(b"x"))) == [b'"x"']
    assert not wire.closed


def test_pipelined_requests_are_answered_in_order(wire):
    answer = wire.send(b"".join(post(b"%d" % n) for n in range(300)))
    assert bodies(answer) == [b'"%d"' % n for n in range(300)]
    assert not wire.paused


def test_reading_pauses_while_the_queue_is_full(wire, monkeypatch):
    wire.connection.pause_writing()
    wire.connection.data_received(GET * 5000)
    assert wire.paused
    assert len(wire.connection._queue) < 2 * request_reader.SLICE // len(GET)
    wire.connection.resume_writing()
    wire.settle()
    assert statuses(wire.take()) == [200] * 5000
    assert not wire.paused


def test_chunks_are_joined(wire):
    head = b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert bodies(wire.send(head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")) == [b'"abcde"']


def test_old_clients_are_answered(wire):
    answer = wire.send(b"POST /score HTTP/1.0\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx")
    assert b"Connection: keep-alive\r\n" in answer
    assert b"Connection: close\r\n" in wire.send(b"GET / HTTP/1.0\r\n\r\n")
    assert wire.closed


def test_close_is_kept_and_what_follows_ignored(wire):
    assert statuses(wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)) == [200]
    assert wire.closed


def test_the_client_may_ask_before_it_sends(wire):
    head, _, body = post(b"hello", b"Expect: 100-continue").rpartition(b"\r\n\r\n")
    assert wire.send(head + b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert bodies(wire.send(body)) == [b'"hello"']


def test_an_upgrade_is_ignored(wire):
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert statuses(wire.send(upgrade + GET)) == [200, 200]
    assert not wire.closed


@pytest.mark.parametrize("size", [1, 20, 1000])
def test_a_body_comes_through_an_upgrade(wire, size):
    # The HTTP client of Java asks for HTTP/2 with each of its first requests.
    asks = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA")
    sent = post(b"hello", *asks) + post(b"again")
    answer = wire.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
    assert bodies(answer) == [b'"hello"', b'"again"']


def test_head_has_no_body(wire):
    answer = wire.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"Content-Length: 7\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1), 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 201 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * HEAD_LIMIT + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * HEAD_LIMIT + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 3 * HEAD_LIMIT, 400),
    ],
)
def test_what_cannot_be_taken_is_refused_in_its_turn(wire, request_, status):
    assert statuses(wire.send(GET + request_ + GET)) == [200, status]
    assert wire.ended
    assert wire.send(GET) == b""


def test_an_endless_header_is_refused_while_it_arrives(wire):
    answer = wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", *[b"y" * 1000] * 100)
    assert statuses(answer) == [431]


def test_a_chunked_body_is_counted(wire, small_bodies):
    small_bodies(10)
    head = b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert statuses(wire.send(head + b"6\r\nabcdef\r\n6\r\nabcdef\r\n")) == [413]


def test_a_slow_request_is_given_up(wire, loop, monkeypatch):
    now = loop.time()
    wire.send(b"GET / HT")
    monkeypatch.setattr(loop, "time", lambda: now + 59)
    wire.connection._check_time()
    assert wire.take() == b""
    monkeypatch.setattr(loop, "time", lambda: now + 61)
    wire.connection._check_time()
    assert statuses(wire.take()) == [408]


def test_an_idle_connection_is_closed_without_a_word(wire, loop, monkeypatch):
    wire.send(GET)
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now + 301)
    wire.connection._check_time()
    assert wire.closed
    assert wire.take() == b""


def test_a_half_closed_client_still_gets_its_answers(wire):
    wire.connection.data_received(GET * 3 + GET[:5])
    assert wire.connection.eof_received()
    wire.settle()
    assert statuses(wire.take()) == [200] * 3
    assert wire.closed


def test_a_drained_connection_says_close(wire, loop):
    wire.connection.data_received(GET[:10])
    wire.connection.drain(loop.time())
    assert not wire.closed
    assert b"Connection: close\r\n" in wire.send(GET[10:])
    assert wire.closed


@pytest.mark.parametrize("used", [False, True])
def test_draining_closes_who_is_idle_but_waits_for_who_has_just_come_or_been_answered(wire, loop, used):
    if used:
        wire.send(GET)
    now = loop.time()
    wire.connection.drain(now - 1)
    assert not wire.closed
    wire.connection.drain(now + 1)
    assert wire.closed


def test_the_next_request_of_a_drained_connection_is_answered_and_is_its_last(wire, loop):
    wire.send(GET)
    wire.connection.drain(loop.time() - 1)
    assert b"Connection: close\r\n" in wire.send(post(b"x"))
    assert wire.closed


STREAM = (
    GET
    + post(b"hello")
    + b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    + b"GET /score?a=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    + post(b"\xff")
    + b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
    + b"GET / HTTP/1.1\r\n\r\n"
    + GET
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_answers_do_not_depend_on_how_the_bytes_arrive(service, loop, cuts):
    places = [0, *sorted(set(cuts)), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(places) if a < b]
    whole, parts = Wire(service, loop), Wire(service, loop)
    expected = stable(whole.send(STREAM))
    assert statuses(expected) == [200, 200, 200, 200, 400, 404, 400]
    assert stable(parts.send(*pieces)) == expected
    whole.connection.connection_lost(None)
    parts.connection.connection_lost(None)


RTSP = (
    post(b"GET / RTSP/1.0\r\n")
    + post(b"GET /", b"X: RTSP/1.0")
    + b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    + b"GET / RTSP/1.0\r\nHost: a\r\n\r\n"
    + GET
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(RTSP)), max_size=12))
def test_another_protocol_is_refused_however_the_bytes_arrive(service, loop, cuts):
    places = [0, *sorted({*cuts, len(RTSP)})]
    wire = Wire(service, loop)
    answer = wire.send(*(RTSP[a:b] for a, b in itertools.pairwise(places) if a < b))
    assert statuses(answer) == [200, 200, 200, 400]
    assert b"The protocol RTSP is not supported" in answer
    wire.connection.connection_lost(None)


KEPT = b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    "again",
    [
        [KEPT + b"world"],
        [KEPT + b"wor", b"ld"],
        [KEPT, b"world"],
        [KEPT[:-1], b"\nworld"],
        [b"\r\n" + KEPT + b"world"],
        [KEPT + b"world" + KEPT + b"world"],
        [KEPT + b"world" + KEPT[:10], KEPT[10:] + b"world"],
        [KEPT.replace(b"5", b"4") + b"word"],
        [KEPT.replace(b"5", b"4") + b"world"],
        [KEPT.replace(b"Host", b"Ho_t") + b"world"],
        [b"X" + KEPT + b"world"],
        [KEPT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"world"],
        [KEPT.replace(b"\r\n\r\n", b"\r\nx-request-id: 7\r\n\r\n") + b"world"],
    ],
)
def test_a_head_that_is_known_is_answered_as_one_that_is_not(service, loop, again):
    first, second = Wire(service, loop), Wire(service, loop)
    unknown = stable(first.send(*again))
    second.send(KEPT + b"hello")
    assert service.heads.request(KEPT + b"hello") is not None
    assert stable(second.send(*again)) == unknown
    if not (second.closed or second.ended):
        assert stable(second.send(*again)) == unknown


def test_what_is_done_to_the_fields_of_a_request_is_not_remembered(service, loop):
    wire = Wire(service, loop)
    for _ in range(2):
        wire.send(KEPT + b"hello")
        service.heads.request(KEPT + b"hello").fields.clear()
    assert service.heads.request(KEPT + b"hello").fields == {b"host": b"a", b"content-length": b"5"}


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"x: " + b"y" * KnownHeads.LONGEST,
    ],
)
def test_heads_that_are_not_remembered(service, loop, field):
    body = b"0\r\n\r\n" if b"chunked" in field else b"hello"
    whole = KEPT.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n") + body
    if b"chunked" in field:
        whole = whole.replace(b"Content-Length: 5\r\n", b"")
    wire = Wire(service, loop)
    for _ in range(2):
        wire.send(whole)
        assert service.heads.request(whole) is None


def test_only_so_many_heads_are_remembered(service, loop):
    wire = Wire(service, loop)
    for number in range(KnownHeads.LIMIT + 1):
        wire.send(b"GET /?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    assert service.heads.request(b"GET /?0 HTTP/1.1\r\nHost: a\r\n\r\n") is None
    assert service.heads.request(b"GET /?%d HTTP/1.1\r\nHost: a\r\n\r\n" % KnownHeads.LIMIT) is not None
