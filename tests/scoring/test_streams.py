"""Generators as answers: formats, ends, failures, clients that leave."""

import json

import pytest

pytestmark = pytest.mark.together

POST = b"POST /score HTTP/1.%d\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1\r\n%b\r\n3"

SYNC = "def run(data: int):\n  for i in range(data):\n    yield {'i': i}"
ASYNC = "async " + SYNC


@pytest.fixture
def connect(make_script, loop, wire_to):
    """A connection to a script."""
    return lambda text: wire_to(make_script(text))


def unchunked(raw):
    head, _, rest = raw.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
        if int(size, 16) == 0:
            assert not rest
            return head, body
    return head, None  # broken off


@pytest.mark.parametrize("script", [SYNC, ASYNC])
@pytest.mark.parametrize(
    ("accept", "kind", "body"),
    [
        (b"*/*", b"application/json", b'[{"i":0},{"i":1},{"i":2}]'),
        (b"application/x-ndjson", b"application/x-ndjson", b'{"i":0}\n{"i":1}\n{"i":2}\n'),
        (
            b"text/event-stream",
            b"text/event-stream; charset=utf-8",
            b'data: {"i":0}\n\ndata: {"i":1}\n\ndata: {"i":2}\n\n',
        ),
    ],
)
def test_formats(connect, script, accept, kind, body):
    wire = connect(script)
    head, sent = unchunked(wire.send(POST % (1, b"Accept: %b\r\n" % accept)))
    assert sent == body
    assert b"Content-Type: %b\r\n" % kind in head
    assert b"Transfer-Encoding: chunked" in head
    assert not wire.closed
    assert wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"Healthy")


def test_bytes_are_sent_as_they_are(connect):
    head, sent = unchunked(connect("def run(data):\n  yield b'\\xff'\n  yield b'ab'").send(POST % (1, b"")))
    assert sent == b"\xffab"
    assert b"application/octet-stream" in head


def test_http_1_0_has_no_chunks(connect):
    wire = connect(SYNC)
    head, _, body = wire.send(POST % (0, b"")).partition(b"\r\n\r\n")
    assert json.loads(body) == [{"i": 0}, {"i": 1}, {"i": 2}]
    assert b"Transfer-Encoding" not in head
    assert wire.closed


@pytest.mark.parametrize(
    "script", ["def run(data):\n  return\n  yield", "async def run(data):\n  return\n  yield"]
)
def test_nothing_at_all(connect, script):
    assert unchunked(connect(script).send(POST % (1, b"")))[1] == b"[]"


@pytest.mark.parametrize("prefix", ["", "async "])
def test_what_fails_before_the_first_item_is_a_500(connect, prefix, capfd):
    raw = connect(f"{prefix}def run(data):\n  raise ValueError('early')\n  yield").send(POST % (1, b""))
    assert raw.startswith(b"HTTP/1.1 500")
    assert "early" in capfd.readouterr().err


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize(
    ("accept", "sent"), [(b"*/*", None), (b"text/event-stream", b'data: 1\n\nevent: error\ndata: {"message"')]
)
def test_what_fails_later_breaks_off(connect, prefix, accept, sent, capfd):
    wire = connect(f"{prefix}def run(data):\n  yield 1\n  raise ValueError('late')")
    body = unchunked(wire.send(POST % (1, b"Accept: %b\r\n" % accept)))[1]
    assert body is None if sent is None else body.startswith(sent)
    assert wire.closed is (sent is None)
    assert "late" in capfd.readouterr().err
    assert wire.counters.errors == 1
    assert wire.counters.in_flight == 0


@pytest.mark.parametrize("prefix", ["", "async "])
def test_when_the_client_leaves_the_generator_is_closed(connect, prefix, loop):
    wire = connect(
        f"closed = []\n{prefix}def run(data):\n  try:\n    while True: yield 'x' * 100\n"
        "  finally: closed.append(True)"
    )
    wire.connection.data_received(POST % (1, b""))
    wire.turns(lambda: len(wire.written) > 1000)
    wire.close()
    wire.turns(lambda: wire.module.closed)
    assert wire.counters.in_flight == 0


def test_when_the_client_leaves_before_the_first_item_the_generator_is_closed(connect):
    wire = connect(
        "import asyncio\nstarted, closed = [], []\ngo_on = asyncio.Event()\nasync def run(data):\n"
        "  try:\n    started.append(True)\n    await go_on.wait()\n    while True: yield 1\n"
        "  finally: closed.append(True)"
    )
    wire.connection.data_received(POST % (1, b""))
    wire.turns(lambda: wire.module.started)
    wire.close()
    wire.module.go_on.set()
    wire.turns(lambda: wire.module.closed)
    assert wire.counters.in_flight == 0


def test_a_client_that_does_not_read_is_waited_for(connect):
    wire = connect("def run(data):\n  while True: yield 1")
    wire.connection.data_received(POST % (1, b""))
    wire.turns(lambda: len(wire.written) > 1000)
    wire.connection.pause_writing()
    wire.turns(lambda: True)
    before = len(wire.written)
    wire.turns(lambda: True)
    assert len(wire.written) == before
    wire.connection.resume_writing()
    wire.turns(lambda: len(wire.written) > before)


BODY = "from azureml.contrib.services.aml_response import AMLResponse\n"


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("(each for each in ['a', b'b', '', 'ö'])", "abö".encode()),
        ("iter(['a,b\\n', '1,2\\n'])", b"a,b\n1,2\n"),
        ("map(str, range(3))", b"012"),
        ("open(__file__, 'rb')", None),
        ("open(__file__)", None),
        ("Chunks()", b"xy"),
        ("(each for each in ())", b""),
    ],
)
def test_a_response_of_an_iterator_is_streamed(connect, tmp_path, message, sent):
    wire = connect(
        f"{BODY}class Chunks:\n  def __iter__(self): return iter('xy')\n"
        f"def run(data): return AMLResponse({message}, 201, {{'X-A': '1'}})"
    )
    head, body = unchunked(wire.send(POST % (1, b"Accept: text/event-stream\r\n")))
    assert body == ((tmp_path / "score.py").read_bytes() if sent is None else sent)
    assert head.startswith(b"HTTP/1.1 201")
    assert b"Content-Type: text/html; charset=utf-8\r\n" in head
    assert b"X-A: 1" in head.splitlines()
    assert b"Transfer-Encoding: chunked" in head
    assert (wire.counters.by_status, wire.counters.in_flight) == ({201: 1}, 0)
    assert wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"Healthy")


@pytest.mark.parametrize("message", ["['a', b'b']", "('a', 'b')"])
def test_a_response_of_a_list_is_its_texts(connect, message):
    wire = connect(f"{BODY}def run(data): return AMLResponse({message}, 200)")
    assert wire.send(POST % (1, b"")).endswith(b"\r\n\r\nab")


@pytest.mark.parametrize(("message", "begun"), [("iter([1])", False), ("iter(['a', 1])", True)])
def test_a_response_must_yield_text_or_bytes(connect, message, begun, capfd):
    wire = connect(f"{BODY}def run(data): return AMLResponse({message}, 200)")
    raw = wire.send(POST % (1, b""))
    assert raw.startswith(b"HTTP/1.1 200" if begun else b"HTTP/1.1 500")
    assert not raw.endswith(b"0\r\n\r\n")
    assert wire.closed is begun
    assert "a response yielded int: it must yield text or bytes" in capfd.readouterr().err
    assert wire.counters.errors == 1


def test_a_chunk_is_sent_before_the_next_is_made(connect):
    wire = connect(
        f"{BODY}import threading\nstop = threading.Event()\n"
        "def parts():\n  yield 'a'\n  while not stop.is_set(): yield ''\n  yield 'b'\n"
        "def run(data): return AMLResponse(parts(), 200)"
    )
    wire.connection.data_received(POST % (1, b""))
    wire.turns(lambda: wire.written.endswith(b"1\r\na\r\n"))
    wire.module.stop.set()
    wire.turns(lambda: wire.written.endswith(b"1\r\nb\r\n0\r\n\r\n"))


def test_when_the_client_leaves_a_streamed_file_is_closed(connect):
    wire = connect(
        f"{BODY}closed = []\nclass Parts:\n  def __iter__(self): return self\n"
        "  def __next__(self): return 'x' * 99\n  def close(self): closed.append(True)\n"
        "def run(data): return AMLResponse(Parts(), 200)"
    )
    wire.connection.data_received(POST % (1, b""))
    wire.turns(lambda: len(wire.written) > 1000)
    wire.close()
    wire.turns(lambda: wire.module.closed)
    assert wire.counters.in_flight == 0


def test_a_streamed_body_can_be_read_by_the_script(connect):
    wire = connect(f"{BODY}def run(data): return AMLResponse(iter('ab'), 200).get_data(as_text=True)")
    assert wire.send(POST % (1, b"")).endswith(b'"ab"')


@pytest.mark.parametrize("script", [SYNC, ASYNC])
@pytest.mark.parametrize("accept", [b"*/*", b"application/x-ndjson", b"text/event-stream"])
def test_every_stream_is_counted_when_it_ends(connect, script, accept):
    wire = connect(script)
    wire.send(POST % (1, b"Accept: %b\r\n" % accept))
    assert (wire.counters.by_status, wire.counters.in_flight) == ({200: 1}, 0)
